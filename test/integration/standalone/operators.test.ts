import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WELL_KNOWN_USERS } from '../../../deploy/standalone/users.js';
import { startServerProcess, type ServerProcess } from './serverProcess.js';

const READS = ['/invokers', '/invokers/healthy/count', '/activation', '/activation/count', '/palette', '/metrics'];
const CHANGES = ['/disable', '/enable'];

describe('operators of a standalone server', function () {
  let folder: string;
  let server: ServerProcess;
  let url: URL;
  let token: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'palette-whisk-operators-'));
    server = startServerProcess(['--port', '0', '--process', '--no-catalog', '--data', folder]);
    url = new URL(await server.ready());
    token = /operator +operator:(\S+)/.exec(server.output())?.[1] ?? assert.fail(server.output());
  });
  after(async () => {
    server.signal('SIGTERM');
    await server.exited();
    rmSync(folder, { recursive: true, force: true });
  });

  /** With headers that `fetch` does not let through. */
  const ask = (method: string, path: string, headers: Record<string, string> = {}) =>
    new Promise<{ status: number; cors: string[]; text: string }>((resolve, reject) => {
      const sent = request(new URL(path, url), { method, headers }, (response) => {
        const cors = Object.keys(response.headers).filter((name) => name.startsWith('access-control-'));
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, cors, text }));
      });
      sent.on('error', reject).end();
    });
  const statuses = async (method: string, paths: string[], headers?: Record<string, string>) =>
    Promise.all(paths.map(async (path) => (await ask(method, path, headers)).status));
  const all = <T>(paths: string[], value: T): T[] => paths.map(() => value);

  it('see all on this machine, and no page of another site does', async () => {
    assert.deepEqual(await statuses('GET', READS), all(READS, 200));
    for (const headers of [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
    ]) {
      assert.deepEqual(await statuses('GET', READS, headers), all(READS, 403));
      assert.deepEqual(await statuses('OPTIONS', [...READS, ...CHANGES], headers), all([...READS, ...CHANGES], 403));
    }
    for (const path of [...READS, ...CHANGES]) {
      for (const method of ['GET', 'POST', 'OPTIONS']) {
        assert.deepEqual((await ask(method, path)).cors, [], `${method} ${path}`);
        assert.deepEqual((await ask(method, path, { origin: 'https://evil.example' })).cors, []);
      }
    }
  });

  it('are not those whom DNS or a proxy brings to this machine', async () => {
    const guarded = READS.filter((path) => path !== '/invokers/healthy/count');
    assert.deepEqual(await statuses('GET', guarded, { host: 'evil.example:3233' }), all(guarded, 403));
    assert.deepEqual(await statuses('GET', guarded, { 'x-forwarded-for': '10.1.2.3' }), all(guarded, 401));
  });

  it('switch it off and on with the token only', async () => {
    const authorization = `Basic ${btoa(`operator:${token}`)}`;
    const api = (method: string, query: string, body: object) =>
      fetch(new URL(`/api/v1/namespaces/_/actions/hello?${query}`, url), {
        method,
        headers: {
          authorization: `Basic ${Buffer.from(WELL_KNOWN_USERS.guest).toString('base64')}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify(body),
      });
    const exec = { kind: 'nodejs:20', code: 'function main() { return {} }' };
    assert.equal((await api('PUT', 'overwrite=true', { exec })).status, 200);
    const invoke = async (): Promise<number> => (await api('POST', 'blocking=true', {})).status;
    const ready = async (): Promise<number> => (await ask('GET', '/invokers/ready')).status;
    for (const headers of [
      {},
      { authorization: `Basic ${btoa('operator:guessed')}` },
      { authorization, origin: 'https://evil.example' },
      { host: 'evil.example' },
      { origin: url.origin },
    ]) {
      for (const status of await statuses('POST', CHANGES, headers)) assert.ok(status === 401 || status === 403);
    }
    assert.equal(await ready(), 200);
    assert.equal((await ask('POST', '/disable', { authorization })).text, 'controller is disabled');
    assert.deepEqual([await ready(), await invoke()], [500, 503]);
    assert.equal((await ask('POST', '/disable', { authorization })).status, 200);
    assert.equal((await ask('POST', '/enable', { authorization })).text, 'controller is enabled');
    assert.deepEqual([await ready(), await invoke()], [200, 200]);
  });
});
