import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WELL_KNOWN_USERS } from '../../../deploy/standalone/users.js';
import { eventually } from '../../e2e/eventually.js';
import { startServerProcess, type ServerProcess } from './serverProcess.js';

const CODE = `function main({ ms = 0, name }) {
  console.log('hello ' + name);
  return new Promise((resolve) => setTimeout(() => resolve({ name }), ms));
}`;

for (const [title, parts] of [
  ['--threads', ['--threads']],
  ['--controllers 2', ['--controllers', '2']],
] as const) {
  describe(`the standalone server with ${title}`, function () {
    let folder: string;
    let server: ServerProcess;
    let url: string;

    before(async () => {
      folder = mkdtempSync(join(tmpdir(), 'palette-whisk-threads-'));
      server = startServerProcess([
        '--port',
        '0',
        '--data',
        join(folder, 'data'),
        '--no-catalog',
        '--process',
        '--log-requests',
        ...parts,
        '--invokers',
        '2',
        '--log-level',
        'debug',
        '--log-format',
        'json',
      ]);
      url = await server.ready();
      const { status } = await call('PUT', '/actions/greet', { exec: { kind: 'nodejs:20', code: CODE } });
      assert.equal(status, 200);
    });
    after(async () => {
      server.signal('SIGKILL');
      await server.exited();
      rmSync(folder, { recursive: true, force: true });
    });

    async function call(method: string, path: string, body?: object, headers: Record<string, string> = {}) {
      const response = await fetch(`${url}/api/v1/namespaces/_${path}`, {
        method,
        headers: {
          authorization: `Basic ${Buffer.from(WELL_KNOWN_USERS.guest).toString('base64')}`,
          'content-type': 'application/json',
          ...headers,
        },
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    }

    it('answers a result, and has its record at once', async () => {
      const { status, body } = await call('POST', '/actions/greet?blocking=true', { name: 'Ann' });
      assert.equal(status, 200);
      assert.deepEqual((body['response'] as Record<string, unknown>)['result'], { name: 'Ann' });
      const record = await call('GET', `/activations/${String(body['activationId'])}`);
      assert.equal(record.status, 200);
      assert.match(String((record.body['logs'] as string[])[0]), /stdout: hello Ann$/);
    });

    it('runs accepted work', async () => {
      const { status, body } = await call('POST', '/actions/greet', { name: 'Bob' });
      assert.equal(status, 202);
      await eventually(async () => {
        assert.equal((await call('GET', `/activations/${String(body['activationId'])}`)).status, 200);
      });
    });

    it('gives lines of a thread the transaction id of the request', async () => {
      await call('POST', '/actions/greet?blocking=true', { name: 'Cas' }, { 'x-request-id': 'threads0test' });
      await eventually(async () => {
        const posted = server
          .output()
          .split('\n')
          .filter((line) => line.includes('threads0test') && line.includes('posted'));
        assert.ok(posted.length > 0 && posted.every((line) => /"component":"invoker\d"/.test(line)));
      });
    });

    it('prints the activations of threads', async () => {
      await call('POST', '/actions/greet?blocking=true', { name: 'Dan' });
      await eventually(async () => assert.match(server.output(), /"logs":\[[^\]]*hello Dan/));
    });

    it('knows a change at once, whichever controller answers', async () => {
      for (let round = 0; round < 6; round++) {
        // Each request has a connection of its own, so that controllers take turns.
        const headers = { connection: 'close' };
        const exec = { kind: 'nodejs:20', code: `function main() { return { round: ${round} }; }` };
        assert.equal((await call('PUT', '/actions/changed?overwrite=true', { exec }, headers)).status, 200);
        const { status, body } = await call('POST', '/actions/changed?blocking=true&result=true', {}, headers);
        assert.deepEqual([status, body], [200, { round }]);
      }
    });

    it('keeps a color at its home, whichever controller answers', async () => {
      const exec = { kind: 'nodejs:20', code: 'function main() { return {}; }' };
      const annotations = [{ key: 'color', value: '{post}' }];
      assert.equal((await call('PUT', '/actions/colored', { exec, annotations })).status, 200);
      for (const post of ['a', 'b', 'c', 'd']) {
        const homes = new Set<unknown>();
        for (let round = 0; round < 4; round++) {
          const headers = { connection: 'close' };
          const { body } = await call('POST', '/actions/colored?blocking=true', { post }, headers);
          const ran = Object.fromEntries(
            (body['annotations'] as { key: string; value: unknown }[]).map(({ key, value }) => [key, value]),
          );
          assert.equal(ran['color'], post);
          assert.equal(ran['colorHome'], true);
          homes.add(ran['invoker']);
        }
        assert.equal(homes.size, 1, `color ${post} ran on ${[...homes].join(', ')}`);
      }
    });

    it('is out of service as a whole, whichever controller gets the request', async () => {
      // Changes from this machine need the token of the start.
      const token = /operator +operator:(\S+)/.exec(server.output())?.[1] ?? assert.fail(server.output());
      const headers = { authorization: `Basic ${btoa(`operator:${token}`)}`, connection: 'close' };
      const switched = async (path: string): Promise<string> =>
        (await fetch(url + path, { method: 'POST', headers })).text();
      const invoked = async (): Promise<Set<number>> => {
        const statuses = new Set<number>();
        for (let turn = 0; turn < 6; turn++) {
          const greet = { name: 'Gil' };
          statuses.add((await call('POST', '/actions/greet?blocking=true', greet, { connection: 'close' })).status);
        }
        return statuses;
      };
      assert.equal(await switched('/disable'), 'controller is disabled');
      assert.deepEqual(await invoked(), new Set([503]));
      assert.equal(await switched('/enable'), 'controller is enabled');
      await eventually(async () => assert.deepEqual(await invoked(), new Set([200])));
    });

    it('has the metrics of all threads on one page', async () => {
      await call('POST', '/actions/greet?blocking=true', { name: 'Eve' });
      const page = await (await fetch(`${url}/metrics`)).text();
      assert.equal(page.match(/^# TYPE invoker_activations_total /gm)?.length, 1);
      const ended = [...page.matchAll(/^invoker_activations_total\{invoker="invoker\d",status="success"\} (\d+)$/gm)];
      assert.ok(ended.reduce((sum, [, count]) => sum + Number(count), 0) >= 1);
      // The gauges of both threads are under one heading.
      assert.equal(page.match(/^invoker_activations\{invoker="invoker\d"\} \d+$/gm)?.length, 2);
      for (const thread of ['main', 'invoker0', 'invoker1']) {
        assert.match(page, new RegExp(`^thread_busy_seconds\\{thread="${thread}"\\} [0-9.e-]+$`, 'm'));
      }
      assert.match(page, /^process_cpu_user_seconds_total /m);
    });

    it('lets a running activation finish when it is told to stop', async () => {
      const running = call('POST', '/actions/greet?blocking=true', { name: 'Fay', ms: 1500 });
      await eventually(async () => {
        const page = await (await fetch(`${url}/metrics`)).text();
        assert.match(page, /^invoker_activations\{invoker="invoker\d"\} 1$/m);
      });
      server.signal('SIGTERM');
      const { status, body } = await running;
      assert.equal(status, 200);
      assert.deepEqual((body['response'] as Record<string, unknown>)['result'], { name: 'Fay' });
      assert.equal(await server.exited(), 0, server.output());
      assert.doesNotMatch(server.output(), /did not stop cleanly/);
    });
  });
}

describe('the standalone server whose controller is frozen', function () {
  it('gives its connections to the other one', async function () {
    if (process.platform !== 'linux') this.skip();
    const folder = mkdtempSync(join(tmpdir(), 'palette-whisk-frozen-'));
    const data = join(folder, 'data');
    const server = startServerProcess([
      '--port',
      '0',
      '--data',
      data,
      '--no-catalog',
      '--process',
      '--controllers',
      '2',
    ]);
    try {
      const url = await server.ready();
      const frozen = controllersOf(server)[0];
      assert.ok(frozen);
      const answered = async (): Promise<boolean> => {
        const options = { headers: { connection: 'close' }, signal: AbortSignal.timeout(5000) };
        return fetch(`${url}/ping`, options).then(
          ({ ok }) => ok,
          () => false,
        );
      };
      process.kill(frozen, 'SIGSTOP');
      await eventually(async () => {
        const answers = [await answered(), await answered(), await answered(), await answered()];
        assert.deepEqual(answers, [true, true, true, true]);
      });
      process.kill(frozen, 'SIGCONT');
      await eventually(async () => assert.ok(await answered()));
    } finally {
      server.signal('SIGKILL');
      await server.exited();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

/** The processes of the controllers of a server. */
function controllersOf(server: ServerProcess): number[] {
  const children = readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, 'utf8').trim().split(' ');
  return children.filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('controllerChild')).map(Number);
}

describe('the standalone server whose controller dies', function () {
  it('ends, and says why', async function () {
    if (process.platform !== 'linux') this.skip();
    const folder = mkdtempSync(join(tmpdir(), 'palette-whisk-death-'));
    const server = startServerProcess([
      '--port',
      '0',
      '--data',
      join(folder, 'data'),
      '--no-catalog',
      '--process',
      '--controllers',
      '2',
    ]);
    try {
      await server.ready();
      const controllers = controllersOf(server);
      assert.equal(controllers.length, 2);
      process.kill(Number(controllers[0]), 'SIGKILL');
      assert.equal(await server.exited(), 1);
      assert.match(server.output(), /the process of controller\d ended: SIGKILL/);
      // The other one does not outlive the server.
      await eventually(() => {
        assert.throws(() => process.kill(Number(controllers[1]), 0), { code: 'ESRCH' });
        return Promise.resolve();
      });
    } finally {
      server.signal('SIGKILL');
      await server.exited();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
