import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ownerOf } from '../../../deploy/standalone/invoker.js';
import { detectOci } from '../../../invoker/containers/oci/detect.js';
import { eventually } from '../../e2e/eventually.js';
import { GUEST_KEY } from '../../e2e/keys.js';
import { startServerProcess, type ServerProcess } from './serverProcess.js';

const OWNERS = '/var/lib/palette-whisk/oci/owners';
const detected = await detectOci();

/** Counts its runs, and waits before it answers if it is told to: then it prints a line first. */
const CODE = `let runs = 0;
function main({ waitMs = 0 }) {
  runs++;
  if (waitMs > 0) console.log('waiting');
  return new Promise((resolve) => setTimeout(() => resolve({ runs }), waitMs));
}`;

describe('a standalone server with an OCI runtime', function () {
  let folder: string;
  let owner: string;
  let server: ServerProcess;
  let url: string;

  before(function () {
    if (detected.usable) return;
    if (process.env['CI'] === 'true') assert.fail(detected.reason);
    this.skip();
  });
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'palette-whisk-oci-'));
    owner = join(OWNERS, ownerOf(join(folder, 'data'), 0));
    await start();
    await call('PUT', 'actions/work?overwrite=true', { exec: { kind: 'nodejs:20', code: CODE } });
  });
  afterEach(async () => {
    // Killed, it would leave files and networks on the machine.
    server.signal('SIGTERM');
    await server.exited();
    rmSync(folder, { recursive: true, force: true });
  });

  async function start(): Promise<void> {
    const data = join(folder, 'data');
    // With lines of logs while their activations run.
    const options = ['--no-catalog', '--memory', '1024', '--log-requests'];
    server = startServerProcess(['--oci', '--port', '0', '--data', data, ...options]);
    url = await server.ready();
  }

  async function call(method: 'PUT' | 'POST', path: string, body: object): Promise<unknown> {
    const answer = await fetch(`${url}/api/v1/namespaces/_/${path}`, {
      method,
      headers: {
        authorization: `Basic ${Buffer.from(GUEST_KEY).toString('base64')}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify(body),
    });
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${server.output()}`);
    return answer.json();
  }
  const run = (): Promise<unknown> => call('POST', 'actions/work?blocking=true&result=true', {});

  const bundles = (): string[] => readdirSync(join(owner, 'bundles'));
  /** The processes of its containers, by the runtime's files. A container that is being created has none yet. */
  const processes = (): number[] =>
    bundles().flatMap((name) => {
      const file = join(owner, 'bundles', name, 'pid');
      return existsSync(file) ? [Number(readFileSync(file, 'utf8'))] : [];
    });
  /** The state of a process, such as `S`; undefined if it has ended. One that nobody waited for yet has ended, too. */
  const stateOf = (pid: number): string | undefined => {
    try {
      const state = /^\d+ \(.*\) (\w)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1];
      return state === 'Z' ? undefined : state;
    } catch {
      return undefined;
    }
  };

  it('goes on in its containers after it was stopped for a while', async () => {
    assert.deepEqual(await run(), { runs: 1 });
    server.signal('SIGSTOP');
    await eventually(() => assert.equal(stateOf(server.pid), 'T'));
    const pids = processes();
    const later = run();
    server.signal('SIGCONT');
    assert.deepEqual(await later, { runs: 2 });
    assert.deepEqual(
      pids.filter((pid) => stateOf(pid) === undefined),
      [],
    );
  });

  it('leaves no process when it is killed, and its successor removes the rest', async () => {
    assert.deepEqual(await run(), { runs: 1 });
    await call('POST', 'actions/work', { waitMs: 60_000 });
    // The action runs, and does not end before the kill.
    await eventually(() => assert.match(server.output(), /stdout: waiting$/m));
    const [killed, pids] = [bundles(), processes()];
    assert.ok(pids.length > 0);
    server.signal('SIGKILL');
    await server.exited();
    await eventually(() => assert.deepEqual(pids.map(stateOf).filter(Boolean), []));
    await start();
    assert.deepEqual(await run(), { runs: 1 });
    assert.deepEqual(
      bundles().filter((name) => killed.includes(name)),
      [],
    );
  });

  it('leaves nothing of its containers when it ends', async () => {
    assert.deepEqual(await run(), { runs: 1 });
    const pids = processes();
    assert.ok(pids.length > 0);
    server.signal('SIGTERM');
    assert.equal(await server.exited(), 0);
    assert.deepEqual(pids.map(stateOf).filter(Boolean), []);
    assert.throws(bundles, { code: 'ENOENT' });
  });
});
