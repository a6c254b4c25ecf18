import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'undici';
import { nodeRuntimeCommand } from '../../../../../invoker/containers/process/runtimeCommand.js';

const SENTINEL = 'XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX\n';

describe('the Node.js runtime’s server', function () {
  this.timeout(20_000);
  let folder: string;
  let child: ChildProcess;
  let client: Client;
  let output: { stdout: string; stderr: string };

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'pw-runtime-'));
    const socketPath = join(folder, 's');
    const { program, args } = nodeRuntimeCommand();
    child = spawn(program, args, { env: { PATH: process.env['PATH'], PORT: socketPath }, cwd: folder, stdio: 'pipe' });
    output = { stdout: '', stderr: '' };
    child.stdout?.on('data', (chunk) => (output.stdout += String(chunk)));
    child.stderr?.on('data', (chunk) => (output.stderr += String(chunk)));
    client = new Client('http://localhost', { socketPath });
    for (;;) {
      try {
        await post('/none', '{}');
        break;
      } catch {
        assert.equal(child.exitCode, null, output.stderr);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  });
  afterEach(async () => {
    await client.destroy();
    child.kill('SIGTERM');
    if (child.exitCode === null) await once(child, 'exit');
    rmSync(folder, { recursive: true });
  });

  async function post(path: string, body: string, method: 'POST' | 'GET' = 'POST'): Promise<[number, unknown]> {
    const headers = { 'content-type': 'application/json' };
    const response = await client.request({ path, method, headers, body: method === 'GET' ? null : body });
    return [response.statusCode, await response.body.json()];
  }

  function init(code: string): Promise<[number, unknown]> {
    return post('/init', JSON.stringify({ value: { main: 'main', code } }));
  }

  it('takes JSON objects at /init and /run, and nothing else', async () => {
    const bad = [500, { error: 'Bad request.' }];
    assert.deepEqual(await post('/run', '{"value":'), bad);
    assert.deepEqual(await post('/run', '5'), bad);
    assert.deepEqual(await post('/other', '{}'), bad);
    assert.deepEqual(await post('/run', '', 'GET'), bad);
    assert.deepEqual(await post('/init', '{"value":{}}'), [403, { error: 'Missing main/no code to execute.' }]);
    assert.deepEqual(await init('const main = (a) => a'), [200, { OK: true }]);
    assert.deepEqual(await post('/run', '{"value":{"☃":"❄"}}'), [200, { '☃': '❄' }]);
  });

  it('signs its sentinels with the invoker’s token, and runs nothing for a caller without it', async () => {
    const request = async (path: string, body: object, token?: string): Promise<[number, unknown, unknown]> => {
      const headers = {
        'content-type': 'application/json',
        ...(token === undefined ? {} : { 'x-invoker-token': token }),
      };
      const response = await client.request({ path, method: 'POST', headers, body: JSON.stringify(body) });
      return [response.statusCode, await response.body.json(), response.headers['x-invoker-token']];
    };
    const code = `const main = () => {
      console.log(${JSON.stringify(SENTINEL.trim())});
      return { seen: JSON.stringify([process.env, process.argv, process.execArgv]) };
    }`;
    const initialized = await request('/init', { value: { main: 'main', code } }, 'secret-of-invoker');
    assert.deepEqual(initialized, [200, { OK: true }, 'accepted']);
    const refused = [403, { error: 'Only the invoker may call this container.' }, undefined];
    assert.deepEqual(await request('/run', {}), refused);
    assert.deepEqual(await request('/run', {}, 'secret-of-invokeR'), refused);
    assert.deepEqual(await request('/init', { value: { main: 'main', code } }, 'other'), refused);
    assert.deepEqual(output, { stdout: '', stderr: '' });
    const [status, result] = await request('/run', {}, 'secret-of-invoker');
    assert.equal(status, 200);
    assert.doesNotMatch((result as { seen: string }).seen, /secret-of-invoker/);
    const end = `${SENTINEL.trim()} secret-of-invoker\n`;
    const whole = (): boolean => output.stdout.endsWith(end) && output.stderr.endsWith(end);
    while (!whole()) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(output, { stdout: `${SENTINEL}${end}`, stderr: end });
  });

  it('ends both log streams before it answers a run, and only then', async () => {
    await init('console.log("load"); const main = () => { console.log("out"); console.error("err"); }');
    await post('/run', '{}');
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual(output, { stdout: `load\nout\n${SENTINEL}`, stderr: `err\n${SENTINEL}` });
  });

  it('answers a result that cannot be written as JSON', async () => {
    await init('const main = ({ n }) => { const a = {}; if (n) a.n = 1n; else a.a = a; return a }');
    assert.deepEqual(await post('/run', '{"value":{"n":true}}'), [500, { error: 'Internal error.' }]);
    assert.deepEqual(await post('/run', '{}'), [500, { error: 'Internal error.' }]);
  });

  it('takes nothing over 48 MB', async () => {
    const [status, body] = await post('/run', JSON.stringify({ value: { a: 'a'.repeat(48 * 1024 * 1024) } }));
    assert.deepEqual([status, body], [500, { error: 'Bad request.' }]);
  });

  it('lets actions collect garbage, as OpenWhisk’s image does', async () => {
    await init('const main = () => { gc(); return { gc: typeof global.gc } }');
    assert.deepEqual(await post('/run', '{}'), [200, { gc: 'function' }]);
  });

  it('ends at SIGTERM, with code 0', async () => {
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    assert.deepEqual(await exited, [0, null]);
  });
});
