import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endEarlierRun, writeRun } from '../../../../deploy/local/runFile.js';

describe('an earlier run of npm run local on the same port', () => {
  let folder: string;
  let file: string;
  const children: ChildProcess[] = [];
  const lines: string[] = [];
  const limits = { leftoversMs: 10_000, guardianMs: 0 };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'palette-whisk-run-'));
    file = join(folder, 'run.json');
    lines.length = 0;
  });
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  /** A process that runs a file of this name. */
  async function running(path: string): Promise<ChildProcess & { readonly pid: number }> {
    const main = join(folder, path);
    mkdirSync(join(main, '..'), { recursive: true });
    writeFileSync(main, "process.stdout.write('up'); setInterval(() => {}, 1000);");
    const child = spawn(process.execPath, [main], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    await once(child.stdout, 'data');
    return Object.assign(child, { pid: child.pid ?? assert.fail('not started') });
  }

  const since = '2026-01-02T03:04:05.000Z';

  it('is not there: nothing is said', async () => {
    await endEarlierRun(file, 3233, (line) => lines.push(line), limits);
    writeFileSync(file, 'damaged');
    await endEarlierRun(file, 3233, (line) => lines.push(line), limits);
    assert.deepEqual(lines, []);
  });

  it('goes on: the start is refused, and says who has the port', async () => {
    const { pid } = await running('deploy/local/run.js');
    writeRun(file, { pid, since, processes: [] });
    const expected = new RegExp(`^port 3233 .* in use by .*pid ${pid}, since ${since}.*kill ${pid}`);
    await assert.rejects(
      endEarlierRun(file, 3233, () => undefined, limits),
      (error: Error) => expected.test(error.message),
    );
  });

  it('was killed: its leftover processes are named, and ended', async () => {
    const left = await running('controller/main.js');
    const gone = once(left, 'exit');
    writeRun(file, { pid: 2 ** 30, since, processes: [{ name: 'controller0', pid: left.pid }] });
    await endEarlierRun(file, 3233, (line) => lines.push(line), limits);
    assert.match(lines[0] ?? '', new RegExp(`was killed: controller0 \\(pid ${left.pid}\\) still hold`));
    await gone;
    assert.equal(left.signalCode, 'SIGKILL');
  });

  it('does not touch an unrelated process with the id of an ended one', async () => {
    const other = await running('something/else.js');
    writeRun(file, { pid: other.pid, since, processes: [{ name: 'controller0', pid: other.pid }] });
    await endEarlierRun(file, 3233, (line) => lines.push(line), limits);
    assert.deepEqual(lines, []);
    assert.equal(other.exitCode, null);
  });
});
