import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../../deploy/local/ports.js';
import { WELL_KNOWN_USERS } from '../../../deploy/standalone/users.js';
import { within } from '../../../shared/process/within.js';
import { eventually } from '../../e2e/eventually.js';

const source = import.meta.url.endsWith('.ts');
const command = (main: string, ...args: string[]): string[] => [
  process.execPath,
  ...(source ? ['--import', 'tsx'] : []),
  fileURLToPath(new URL(`../../../${main}.${source ? 'ts' : 'js'}`, import.meta.url)),
  ...args,
];
/** Loads this code before the main file. */
const preload = (code: string) => ({ NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` });
/** Neither is there. */
const ENGINES = {
  KAFKA_HOSTS: '127.0.0.1:1',
  CONFIG_whisk_couchdb_host: '127.0.0.1',
  CONFIG_whisk_couchdb_port: '1',
  PORT: '0',
};

interface Started {
  readonly child: ChildProcess;
  /** All that it has printed. */
  readonly output: () => string;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>;
}

describe('a process', function () {
  const folder = mkdtempSync(join(tmpdir(), 'palette-whisk-process-'));
  const running: Started[] = [];
  afterEach(async () => {
    for (const one of running.splice(0)) {
      one.child.kill('SIGKILL');
      await one.exited;
    }
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function start([program = '', ...args]: string[], env: Record<string, string> = {}): Started {
    const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const exited = once(child, 'exit').then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as string | null,
    }));
    const one = { child, output: () => output, exited };
    running.push(one);
    return one;
  }
  const standalone = (name: string, ...args: string[]): string[] =>
    command('deploy/standalone/main', '--process', '--no-catalog', '--data', join(folder, name), ...args);

  describe('that is the first one of a container', () => {
    before(function () {
      const possible = spawnSync('unshare', ['-pf', '--mount-proc', 'true']).status === 0;
      if (!possible) this.skip();
    });

    for (const [name, args, env] of [
      ['the standalone server', standalone('pid1', '--port', '0'), {}],
      ['a controller', command('controller/main', '0'), ENGINES],
      ['an invoker', command('invoker/main', '--uniqueName', 'pid1'), { ...ENGINES, CONTAINER_DRIVER: 'process' }],
    ] as const) {
      it(`ends at a SIGTERM that comes while it starts: ${name}`, async () => {
        const { child, output, exited } = start(['unshare', '-pf', '--kill-child', '--mount-proc', ...args], env);
        const first = await eventually(async () => {
          const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim();
          assert.match(children, /^\d+$/);
          return Number(children);
        });
        // From the start on: whatever the kernel drops, the first one that is taken ends it.
        const ended = new AbortController();
        const signals = (async () => {
          while (!ended.signal.aborted) {
            try {
              process.kill(first, 'SIGTERM');
            } catch {
              return;
            }
            await sleep(5);
          }
        })();
        const end = await exited;
        ended.abort();
        await signals;
        // One of the many signals may come when it has ended all but itself.
        assert.ok(end.code === 0 || end.signal === 'SIGTERM', `${JSON.stringify(end)} ${output()}`);
        assert.doesNotMatch(output(), /ready at|answers at|waiting for/);
      });
    }
  });

  it('says at once why it does not start, also if a request came early', async () => {
    const data = join(folder, 'taken');
    mkdirSync(data);
    // A server has the folder, and does not say which: finding that out takes a second.
    const other = createServer(() => {}).listen(join(data, 'in-use.sock'));
    await once(other, 'listening');
    try {
      // On a busy machine the request may come late: then it is tried again.
      for (let early: Response | undefined; early === undefined;) {
        const port = await freePort();
        const { exited, output } = start(standalone('taken', '--port', String(port)));
        const asked = eventually(() => fetch(`http://127.0.0.1:${port}/api/v1`));
        early = await Promise.race([asked, exited.then(() => undefined)]);
        if (early) assert.equal(early.status, 503);
        else asked.catch(() => undefined);
        // Requests at a stop have 60 s.
        const end = await within(exited, 55_000, () => assert.fail(`it waits for the request: ${output()}`));
        assert.deepEqual(end, { code: 1, signal: null });
        assert.match(output(), /^palette-whisk: the data folder .* is in use by another server\n$/);
      }
    } finally {
      other.close();
    }
  });

  it('says that its port is taken before it touches the data', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    const data = join(folder, 'untouched');
    const { exited, output } = start(standalone('untouched', '--port', String(port)));
    assert.deepEqual(await exited, { code: 1, signal: null });
    assert.match(output(), /port \d+ is in use/);
    assert.throws(() => readFileSync(data), { code: 'ENOENT' });
    other.close();
  });

  describe('in which nothing catches an error', () => {
    for (const [name, thrown] of [
      ['an exception', 'throw new Error("boom")'],
      ['a rejection', 'Promise.reject(new Error("boom"))'],
    ]) {
      it(`says so in one line and ends, while the store is being written: the standalone server, ${name}`, async () => {
        const { child, exited, output } = start(
          standalone(name === 'a rejection' ? 'rejection' : 'exception', '--port', '0'),
          preload(`process.on("SIGUSR2", () => { ${thrown} })`),
        );
        const url = await eventually(async () => /ready at (\S+)/.exec(output())?.[1] ?? assert.fail(output()));
        const authorization = `Basic ${Buffer.from(WELL_KNOWN_USERS.guest).toString('base64')}`;
        const put = (n: number) =>
          fetch(`${url}/api/v1/namespaces/_/triggers/t${n}`, {
            method: 'PUT',
            headers: { authorization, 'content-type': 'application/json' },
            body: '{}',
          }).catch(() => undefined);
        assert.equal((await put(0))?.status, 200);
        const writes = Array.from({ length: 50 }, (_, n) => put(n + 1));
        await Promise.race(writes);
        child.kill('SIGUSR2');
        const { code } = await exited;
        assert.equal(code, 1, output());
        const lines = output()
          .split('\n')
          .filter((line: string) => line.includes('boom'));
        assert.equal(lines.length, 1, output());
        assert.match(lines[0] ?? '', /\[ERROR\].*the process ends error=Error: boom/);
        await Promise.all(writes);
      });
    }

    // Once signals are handled, so are errors; the rest is being loaded, or it waits for engines that are away.
    const throwing = preload(
      'const timer = setInterval(() => { if (process.listenerCount("uncaughtException") > 0) { clearInterval(timer); throw new Error("boom") } }, 1)',
    );
    for (const [name, args] of [
      ['a controller', command('controller/main', '0')],
      ['an invoker', command('invoker/main', '--uniqueName', 'thrower')],
      ['the administration', command('deploy/commands/admin/main', 'user', 'list', 'guest')],
      ['the local installation', command('deploy/local/run', '--port', '0')],
    ] as const) {
      it(`says so in one line and ends: ${name}`, async () => {
        const { exited, output } = start([...args], { ...ENGINES, ...throwing });
        assert.deepEqual(await exited, { code: 1, signal: null }, output());
        assert.match(output(), /^.*uncaughtException.*boom.*\n$/);
      });
    }
  });
});
