import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runFile, type Run } from '../../../deploy/local/runFile.js';
import { RUN_VARIABLE } from '../../../deploy/local/RunGuardian.js';
import { freePort } from '../../../deploy/local/ports.js';
import { eventually } from '../../e2e/eventually.js';
import { skipWithoutBroker } from '../kafka/broker.js';
import { nodeAction, request } from './cluster.js';

const START_MS = 300_000;

/** `npm run local` as a terminal starts it. */
class Local {
  readonly process: ChildProcess;
  output = '';

  constructor(port: number) {
    const source = import.meta.url.endsWith('.ts');
    const main = fileURLToPath(new URL(`../../../deploy/local/main.${source ? 'ts' : 'js'}`, import.meta.url));
    const args = [...(source ? ['--import', 'tsx'] : []), main, '--port', String(port), '--process'];
    // In a group of its own.
    const started = spawn(process.execPath, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    started.stdout.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    started.stderr.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    this.process = started;
  }

  /** The first group of the pattern in what it has printed. */
  said(pattern: RegExp): string {
    return pattern.exec(this.output)?.[1] ?? assert.fail(`${pattern} in ${this.output}`);
  }

  async says(pattern: RegExp): Promise<void> {
    await eventually(async () => assert.match(this.output, pattern), START_MS);
  }

  pid(name: string): number {
    return Number(this.said(new RegExp(`^${name} +\\S+ {2}pid (\\d+)$`, 'm')));
  }

  /** The folder of its logs, which is the mark of all that it starts. */
  get folder(): string {
    return this.said(/^logs +(\S+)$/m);
  }

  async end(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const ended = once(this.process, 'exit');
    this.process.kill('SIGTERM');
    await ended;
  }
}

/** The processes that a run has started, the actions' included, by their environment. */
function marked(folder: string): string[] {
  const { stdout } = spawnSync(
    'sh',
    ['-c', `grep -laF -- '${RUN_VARIABLE}=${folder}' /proc/[0-9]*/environ 2>/dev/null`],
    {
      encoding: 'utf8',
    },
  );
  return stdout.split('\n').filter((line) => line !== '');
}

/** A process whose main thread has ended keeps its ports until the other threads have ended, too. */
const runs = (pid: number): boolean => {
  const { stdout } = spawnSync('ps', ['-L', '-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout.split('\n').some((state) => state !== '' && !state.startsWith('Z'));
};

describe('npm run local', function () {
  this.timeout(600_000);
  let port: number;
  let local: Local | undefined;
  before(async function () {
    skipWithoutBroker(this);
    port = await freePort();
  });
  after(() => local?.end());

  const started = (): Local => local ?? assert.fail('it was not started');

  it('says what it waits for, and starts controllers and invokers behind one address', async () => {
    local = new Local(port);
    await local.says(/Ctrl-C ends it/);
    for (const what of ['Kafka to start', 'CouchDB to take the users', 'controller0, .*invoker1 to answer']) {
      assert.match(local.output, new RegExp(`^waiting for ${what}, \\d+ s at most$`, 'm'));
    }
    const base = local.said(/^API host +(\S+)$/m);
    const code =
      'function main({ ms }) { return new Promise((r) => setTimeout(r, ms, { host: process.env.__OW_API_HOST })) }';
    assert.equal((await request(base, 'PUT', 'actions/where', nodeAction(code))).status, 200);
    for (const controller of [base, local.said(/^controller0 +(\S+) /m), local.said(/^controller1 +(\S+) /m)]) {
      const { body } = await request(controller, 'POST', 'actions/where?blocking=true&result=true', { ms: 1 });
      assert.deepEqual(body, { host: base });
    }
  });

  it('shares objects among the invokers, as the standalone server does', async () => {
    const base = started().said(/^API host +(\S+)$/m);
    const authorization = `Basic ${Buffer.from(started().said(/^guest key +(\S+)$/m)).toString('base64')}`;
    const objects = (address: string, key: string) => `${address}/api/v1/namespaces/_/objects/${key}/k`;
    for (const color of ['red', 'green', 'blue', 'grey']) {
      const put = await fetch(objects(base, color), { method: 'PUT', headers: { authorization }, body: color });
      assert.equal(put.status, 201, await put.text());
      for (const controller of [/^controller0 +(\S+) /m, /^controller1 +(\S+) /m]) {
        const read = await fetch(objects(started().said(controller), color), { headers: { authorization } });
        assert.equal(await read.text(), color);
      }
    }
  });

  const invoke = async (): Promise<number> =>
    (await request(`http://127.0.0.1:${port}`, 'POST', 'actions/where?blocking=true&result=true', { ms: 1 })).status;

  it('passes over a controller that is frozen, and asks the other one for reads that it has taken', async () => {
    const frozen = started().pid('controller0');
    process.kill(frozen, 'SIGSTOP');
    try {
      for (let n = 0; n < 4; n++) {
        assert.equal((await request(`http://127.0.0.1:${port}`, 'GET', 'actions')).status, 200);
      }
      await started().says(/^controller0 does not answer: /m);
      for (let n = 0; n < 4; n++) assert.equal(await invoke(), 200);
    } finally {
      process.kill(frozen, 'SIGCONT');
    }
    await started().says(/^controller0 answers again after \d+ s$/m);
  });

  it('passes over a controller that is dead', async () => {
    process.kill(started().pid('controller0'), 'SIGKILL');
    await eventually(async () => assert.equal(runs(started().pid('controller0')), false));
    for (let n = 0; n < 4; n++) assert.equal(await invoke(), 200);
  });

  it('refuses a second start on the port, and says who has it', async () => {
    const second = new Local(port);
    await once(second.process, 'exit');
    assert.equal(second.process.exitCode, 1);
    const { pid } = JSON.parse(readFileSync(runFile(port), 'utf8')) as Run;
    assert.match(second.output, new RegExp(`port ${port} and the ids .* in use by .*\\(pid ${pid}, since`));
  });

  it('leaves nothing behind when it is killed, and the next start says who still holds the ids', async () => {
    const killed = started();
    // The invokers take some time to end: they let this finish.
    const { status } = await request(`http://127.0.0.1:${port}`, 'POST', 'actions/where', { ms: 60_000 });
    assert.equal(status, 202);
    const { folder } = killed;
    const pids = ['controller1', 'invoker0', 'invoker1'].map((name) => killed.pid(name));
    const { pid } = JSON.parse(readFileSync(runFile(port), 'utf8')) as Run;
    assert.ok(marked(folder).length > 0);
    const ended = once(killed.process, 'exit');
    process.kill(pid, 'SIGKILL');
    killed.process.kill('SIGKILL');
    await ended;

    local = new Local(port);
    await local.says(/ was killed: .*invoker\d \(pid \d+\).* still hold/);
    await local.says(/^they have ended$/m);
    for (const each of pids) assert.equal(runs(each), false);
    await eventually(async () => assert.deepEqual(marked(folder), []));
    await eventually(async () => assert.equal(existsSync(folder), false));
  });

  it('ends in order at a Ctrl-C, and leaves nothing behind', async () => {
    const ending = started();
    await ending.says(/Ctrl-C ends it/);
    const { folder } = ending;
    assert.ok(existsSync(folder));
    const ended = once(ending.process, 'exit');
    // The terminal sends it to the group, and npm passes it on.
    process.kill(-(ending.process.pid ?? 0), 'SIGINT');
    ending.process.kill('SIGINT');
    await ended;
    assert.equal(ending.process.exitCode, 0, ending.output);
    assert.match(ending.output, /^waiting for invoker0, invoker1 to finish what they run, \d+ s at most$/m);
    assert.equal(existsSync(folder), false);
    assert.equal(existsSync(runFile(port)), false);
    assert.deepEqual(marked(folder), []);
    for (const [, name, pid] of ending.output.matchAll(/^(\w+) +\S+ {2}pid (\d+)$/gm)) {
      assert.equal(runs(Number(pid)), false, `${name} runs`);
    }
  });
});
