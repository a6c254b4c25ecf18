import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** `npm run bench:faults`, as this file is: from sources, or compiled. */
const source = import.meta.url.endsWith('.ts');
const main = fileURLToPath(new URL(`../../bench/faults/run.${source ? 'ts' : 'js'}`, import.meta.url));

/** The standalone servers whose data is in this folder, by their arguments: their file may be one of several. */
function servers(folder: string): string[] {
  const { stdout } = spawnSync('ps', ['-ww', '-eo', 'args='], { encoding: 'utf8' });
  return stdout.split('\n').filter((line) => line.includes(`--data ${folder}`));
}

describe('npm run bench:faults', function () {
  this.timeout(600_000);
  let folder: string;
  let temporary: string;
  let results: string;
  let bench: ChildProcess | undefined;
  before(function () {
    if (process.platform !== 'linux') this.skip();
    folder = mkdtempSync(join(tmpdir(), 'fault-bench-'));
    temporary = join(folder, 'tmp');
    results = join(folder, 'results.jsonl');
    mkdirSync(temporary);
  });
  after(() => {
    bench?.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  /** Starts the bench, and resolves to what it has printed when it says `text`, or at its end. */
  async function begun(args: readonly string[], text: string): Promise<string> {
    const child = spawn(process.execPath, [...(source ? ['--import', 'tsx'] : []), main, ...args], {
      env: { ...process.env, TMPDIR: temporary },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    bench = child;
    let output = '';
    await new Promise<void>((resolve) => {
      child.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        if (output.includes(text)) resolve();
      });
      child.stdout.once('end', resolve);
    });
    return output;
  }

  const trial = ['--only', 'standalone killed'];

  it('leaves no process and no file behind when it is killed, and its results stay', async () => {
    const output = await begun([...trial, '--results', results, '--rounds', '1000'], 'rounds so far');
    assert.match(output, /"trial":"standalone killed"/);
    // The next round kills the server, too, and starts it again.
    while (servers(temporary).length === 0) await sleep(20);
    const ended = once(bench ?? assert.fail(), 'exit');
    bench?.kill('SIGKILL');
    await ended;
    while (servers(temporary).length > 0 || readdirSync(temporary).length > 0) await sleep(100);
    const [first] = readFileSync(results, 'utf8').split('\n');
    assert.match(first ?? '', /^\{"trial":"standalone killed","round":1,/);
  });

  it('plays no round again that the file of its results has', async () => {
    const output = await begun([...trial, '--results', results, '--rounds', '1'], 'nothing was lost');
    assert.doesNotMatch(output, /rounds so far/);
    assert.match(output, /standalone killed/);
  });
});
