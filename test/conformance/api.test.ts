import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startServerProcess } from '../integration/standalone/serverProcess.js';
import { testServer, type TestServer } from './server.js';

/*
 * The API as a whole, on a whole server: its description, methods that collections do not take, and who may come in.
 */

const key = (digit: string): string => `${digit.repeat(8)}-0000-4000-8000-${digit.repeat(12)}:${digit.repeat(64)}`;
const USERS = [
  {
    _id: 'several',
    subject: 'several',
    namespaces: [
      { name: 'several', uuid: key('1').split(':')[0], key: key('1').split(':')[1] },
      { name: 'second', uuid: key('2').split(':')[0], key: key('2').split(':')[1] },
    ],
  },
  {
    _id: 'banned',
    subject: 'banned',
    blocked: true,
    namespaces: [{ name: 'banned', uuid: key('3').split(':')[0], key: key('3').split(':')[1] }],
  },
];

const COLLECTIONS = ['actions', 'packages', 'triggers', 'rules', 'activations'];

describe('the API', () => {
  let server: TestServer;
  const folder = mkdtempSync(join(tmpdir(), 'palette-whisk-users-'));

  before(async () => {
    const users = join(folder, 'users.json');
    writeFileSync(users, JSON.stringify(USERS));
    server = await testServer(['--process', '--no-catalog', '--users', users]);
  });
  after(async () => {
    rmSync(folder, { recursive: true, force: true });
    await server?.stop();
  });

  function ask(method: string, path: string, credentials?: string, body?: string): Promise<Response> {
    return fetch(`${server.base}/api/v1/${path}`, {
      method,
      redirect: 'manual',
      headers: {
        ...(credentials === undefined ? {} : { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body }),
    });
  }

  it('describes itself to tools and to readers, without credentials', async () => {
    const document = await ask('GET', 'api-docs');
    assert.equal(document.headers.get('access-control-allow-origin'), '*');
    assert.equal(((await document.json()) as { swagger: string }).swagger, '2.0');
    const openapi = await ask('GET', 'openapi.json');
    assert.equal(((await openapi.json()) as { openapi: string }).openapi, '3.1.0');
    assert.equal((await ask('GET', 'api-docs/')).status, 200);
    const redirect = await ask('GET', 'docs');
    assert.deepEqual(
      [redirect.status, redirect.headers.get('location')],
      [308, 'docs/index.html?url=/api/v1/api-docs'],
    );
    const page = await ask('GET', redirect.headers.get('location') ?? '');
    assert.equal(page.headers.get('content-type'), 'text/html; charset=UTF-8');
    assert.match(await page.text(), /<!doctype html>[^]*\/namespaces\/\{namespace\}\/actions/);
  });

  it('answers OPTIONS for every path of its own with CORS, without credentials', async () => {
    for (const path of ['', 'api-docs', 'docs', 'namespaces', 'namespaces/_/actions', 'namespaces/_/limits', 'bogus']) {
      const { status, headers } = await ask('OPTIONS', path);
      assert.equal(status, 200, path);
      assert.equal(headers.get('access-control-allow-origin'), '*', path);
      assert.match(headers.get('access-control-allow-headers') ?? '', /Authorization/, path);
    }
  });

  it('takes nothing but GET on collections, and no POST on what cannot be activated', async () => {
    for (const collection of COLLECTIONS) {
      for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
        const answer = await ask(method, `namespaces/_/${collection}`, key('1'), '{}');
        assert.equal(answer.status, 404, `${method} ${collection}`);
        assert.deepEqual(
          Object.keys((await answer.json()) as object).toSorted((a, b) => (a < b ? -1 : 1)),
          ['code', 'error'],
        );
      }
    }
    for (const path of ['namespaces', 'namespaces/_/limits', 'namespaces/_/limits/x', 'namespaces/_/packages/p']) {
      assert.ok([400, 404].includes((await ask('POST', path, key('1'), '{}')).status), path);
    }
  });

  it('knows a user by each of its keys, in the namespace of the key', async () => {
    assert.deepEqual(await (await ask('GET', 'namespaces', key('1'))).json(), ['several']);
    assert.deepEqual(await (await ask('GET', 'namespaces', key('2'))).json(), ['second']);
    const exec = { kind: 'nodejs:20', code: 'x' };
    assert.equal((await ask('PUT', 'namespaces/_/actions/mine', key('2'), JSON.stringify({ exec }))).status, 200);
    assert.equal((await ask('GET', 'namespaces/second/actions/mine', key('2'))).status, 200);
    assert.equal((await ask('GET', 'namespaces/_/actions/mine', key('1'))).status, 404);
    assert.equal((await ask('GET', 'namespaces/second/actions/mine', key('1'))).status, 403);
  });

  it('knows no user who is blocked, mixes up keys, or sends none', async () => {
    const [first = ''] = key('1').split(':');
    const [, second = ''] = key('2').split(':');
    for (const credentials of [
      key('3'),
      `${first}:${second}`,
      `${first}:`,
      `:${second}`,
      first,
      ':',
      'several:x',
      '',
    ]) {
      const answer = await ask('GET', 'namespaces', credentials);
      assert.equal(answer.status, 401, credentials);
      assert.equal(answer.headers.get('www-authenticate'), 'Basic realm="OpenWhisk secure realm",charset=UTF-8');
    }
  });

  it('writes no secret into its log, however much it logs', async () => {
    const users = join(folder, 'users.json');
    const args = ['--port', '0', '--process', '--no-catalog', '--log-level', 'debug', '--users', users];
    const logging = startServerProcess([...args, '--data', join(folder, 'data')]);
    try {
      const base = await logging.ready();
      const [uuid = '', secret = ''] = key('1').split(':');
      const send = (method: string, path: string, body: object, given = `${uuid}:${secret}`): Promise<Response> =>
        fetch(`${base}/api/v1/${path}`, {
          method,
          headers: {
            authorization: `Basic ${Buffer.from(given).toString('base64')}`,
            'content-type': 'application/json',
            'x-require-whisk-auth': 'wrong-token-of-mine',
          },
          ...(method === 'GET' ? {} : { body: JSON.stringify(body) }),
        });
      const annotations = [
        { key: 'web-export', value: true },
        { key: 'require-whisk-auth', value: 'token-of-the-action' },
        { key: 'provide-api-key', value: true },
      ];
      const exec = { kind: 'nodejs:default', code: 'const main = () => ({})' };
      assert.equal((await send('PUT', 'namespaces/_/actions/a', { exec, annotations })).status, 200);
      await send('POST', 'namespaces/_/actions/a?blocking=true', {});
      assert.equal((await send('GET', 'web/several/default/a', {})).status, 401);
      assert.equal((await send('GET', 'namespaces', {}, `${uuid}:${'w'.repeat(64)}`)).status, 401);
      assert.equal((await send('GET', 'namespaces', {}, 'no-key-at-all')).status, 401);
      const output = logging.output();
      assert.match(output, /\[DEBUG\]/);
      for (const hidden of [secret, 'w'.repeat(64), 'no-key-at-all', 'token-of-the-action', 'wrong-token-of-mine']) {
        assert.ok(!output.includes(hidden), hidden);
        assert.ok(!output.includes(Buffer.from(hidden).toString('base64').slice(0, 20)), `${hidden} in base64`);
      }
    } finally {
      logging.signal('SIGTERM');
      await logging.exited();
    }
  });
});
