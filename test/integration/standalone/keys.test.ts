import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WELL_KNOWN_USERS } from '../../../deploy/standalone/users.js';
import { detectDocker } from '../../../invoker/containers/docker/detect.js';
import { startServerProcess, type ServerProcess } from './serverProcess.js';

const authorization = (key: string): string => `Basic ${Buffer.from(key).toString('base64')}`;
const keyOf = (digit: string): string => `11111111-1111-4111-8111-${digit.repeat(12)}:${digit.repeat(64)}`;

describe('the keys of a standalone server', function () {
  const folder = mkdtempSync(join(tmpdir(), 'palette-whisk-keys-'));
  let server: ServerProcess | undefined;
  afterEach(async () => {
    server?.signal('SIGTERM');
    await server?.exited();
    server = undefined;
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const start = async (...args: string[]): Promise<string> => {
    server = startServerProcess(['--port', '0', '--no-catalog', ...args]);
    return server.ready();
  };
  const namespaces = async (url: string, key: string, headers: Record<string, string> = {}): Promise<number> =>
    (await fetch(`${url}/api/v1/namespaces`, { headers: { authorization: authorization(key), ...headers } })).status;

  it('stay as the administrator left them, whatever file the server is started with', async () => {
    const data = join(folder, 'administered');
    const file = join(folder, 'users.json');
    const names = ['user1', 'user2', 'user3'];
    writeFileSync(file, JSON.stringify(Object.fromEntries(names.map((name, i) => [name, keyOf(String(i + 1))]))));
    const args = ['--process', '--data', data, '--users', file];
    const admin = (...words: string[]): string => {
      const main = fileURLToPath(
        new URL(`../../../deploy/commands/admin/main${extname(import.meta.url)}`, import.meta.url),
      );
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        [...process.execArgv, main, '--data', data, ...words],
        {
          encoding: 'utf8',
          env: { ...process.env, CONFIG_whisk_couchdb_host: '' },
        },
      );
      assert.equal(status, 0, stderr);
      return stdout.trim();
    };
    let url = await start(...args);
    for (const digit of ['1', '2', '3']) assert.equal(await namespaces(url, keyOf(digit)), 200);
    admin('user', 'delete', 'user1');
    admin('user', 'block', 'user2', 'guest');
    const rotated = admin('user', 'create', 'user3', '-r');
    server?.signal('SIGTERM');
    await server?.exited();

    url = await start(...args);
    for (const key of [keyOf('1'), keyOf('2'), keyOf('3'), WELL_KNOWN_USERS.guest]) {
      assert.equal(await namespaces(url, key), 401);
    }
    assert.equal(await namespaces(url, rotated), 200);
    assert.match(server?.output() ?? '', /existing users that differ from the users file.*users=user1, user2, user3/);
  });

  it('that everybody knows do not work through a proxy, nor for pages of other sites, unless the operator says so', async () => {
    const data = join(folder, 'proxy');
    const foreign = [{ 'x-forwarded-for': '10.0.0.2' }, { origin: 'https://evil.example' }];
    let url = await start('--process', '--data', data);
    assert.equal(await namespaces(url, WELL_KNOWN_USERS.guest), 200);
    for (const headers of foreign) assert.equal(await namespaces(url, WELL_KNOWN_USERS.guest, headers), 401);
    server?.signal('SIGTERM');
    await server?.exited();

    url = await start('--process', '--data', data, '--well-known-keys', 'anywhere');
    for (const headers of foreign) assert.equal(await namespaces(url, WELL_KNOWN_USERS.guest, headers), 200);
  });

  it('that everybody knows do not work in a container; the key that an action is given does', async function () {
    if (!(await detectDocker()).usable) this.skip();
    const url = await start('--docker', '--data', join(folder, 'docker'));
    const call = async (method: string, path: string, body: object) => {
      const response = await fetch(`${url}/api/v1/namespaces/_/actions/${path}`, {
        method,
        headers: { authorization: authorization(WELL_KNOWN_USERS.guest), 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      assert.equal(response.status, 200, await response.clone().text());
      return (await response.json()) as Record<string, unknown>;
    };
    const code = `async function main({ keys }) {
      const { __OW_API_HOST: host, __OW_API_KEY: own } = process.env;
      const ask = async (key, headers) => (await fetch(host + '/api/v1/namespaces', {
        headers: { authorization: 'Basic ' + Buffer.from(key).toString('base64'), ...headers } })).status;
      const client = require('openwhisk')();
      return {
        own: await ask(own),
        known: await Promise.all(keys.map((key) => ask(key))),
        operator: (await fetch(host + '/invokers')).status,
        actions: (await client.actions.list()).map(({ name }) => name),
        inner: await client.actions.invoke({ name: 'inner', blocking: true, result: true }),
      };
    }`;
    const annotations = [{ key: 'provide-api-key', value: true }];
    await call('PUT', 'inner', { exec: { kind: 'nodejs:20', code: 'const main = () => ({ reached: true })' } });
    await call('PUT', 'caller', { exec: { kind: 'nodejs:20', code }, annotations });
    const { actions, ...result } = await call('POST', 'caller?blocking=true&result=true', {
      keys: Object.values(WELL_KNOWN_USERS),
    });
    assert.deepEqual(result, { own: 200, known: [401, 401], operator: 401, inner: { reached: true } });
    assert.deepEqual((actions as string[]).toSorted(), ['caller', 'inner']);
  });
});
