import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import type { Server } from 'node:http';
import { Counter, Registry } from 'prom-client';
import { operatorPolicy } from '../../../shared/access/operators.js';
import { invokerServer } from '../../../invoker/http.js';

describe("the invoker's own port", () => {
  let server: Server;
  let base: string;
  let enabled = true;
  const registry = new Registry();
  new Counter({ name: 'things_total', help: 'things', registers: [registry] }).inc();

  before(async () => {
    server = invokerServer({
      invoker: {
        enable: () => {
          enabled = true;
          return 'invoker0/0 is now enabled.';
        },
        disable: () => {
          enabled = false;
          return Promise.resolve('invoker0/0 is now disabled.');
        },
        get isEnabled() {
          return enabled;
        },
      },
      registry,
      operator: operatorPolicy({ username: 'operator', password: 'se:cret' }),
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.close();
    server.closeAllConnections();
  });

  const ask = (path: string, method = 'GET', credentials?: string): Promise<Response> =>
    fetch(base + path, {
      method,
      headers: credentials === undefined ? {} : { authorization: `Basic ${btoa(credentials)}` },
    });
  const OPERATOR = 'operator:se:cret';

  it('answers a ping without credentials', async () => {
    const response = await ask('/ping');
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('content-type'), 'text/plain; charset=UTF-8');
    assert.equal(await response.text(), 'pong');
  });

  it('asks for credentials everywhere else, and takes no others', async () => {
    for (const path of ['/', '/isEnabled', '/metrics', '/nosuch']) {
      for (const credentials of [undefined, 'operator:wrong', 'operator:', 'x:se:cret', '']) {
        const response = await ask(path, 'GET', credentials);
        assert.equal(response.status, 401);
        const body = (await response.json()) as Record<string, string>;
        assert.equal(body['error'], 'Authentication is possible but has failed or not yet been provided.');
        assert.equal(body['code'], response.headers.get('x-request-id'));
      }
    }
    assert.equal((await ask('/disable', 'POST')).status, 401);
    assert.equal(enabled, true);
  });

  it('disables and enables, and tells', async () => {
    assert.equal(await (await ask('/isEnabled', 'GET', OPERATOR)).text(), '{"enabled":true}');
    assert.equal(await (await ask('/disable', 'POST', OPERATOR)).text(), 'invoker0/0 is now disabled.');
    assert.equal(await (await ask('/isEnabled', 'GET', OPERATOR)).text(), '{"enabled":false}');
    assert.equal(await (await ask('/enable', 'POST', OPERATOR)).text(), 'invoker0/0 is now enabled.');
    assert.equal(await (await ask('/isEnabled', 'GET', OPERATOR)).text(), '{"enabled":true}');
  });

  it('without credentials tells programs on this machine, and takes the token for what changes something', async () => {
    const operator = operatorPolicy();
    const changes: string[] = [];
    const open = invokerServer({
      invoker: {
        enable: () => '',
        disable: async () => {
          changes.push('disable');
          return '';
        },
        isEnabled: true,
      },
      registry,
      operator,
    });
    await new Promise<void>((resolve) => open.listen(0, '127.0.0.1', resolve));
    const at = `http://127.0.0.1:${(open.address() as AddressInfo).port}`;
    const post = async (headers: Record<string, string>): Promise<number> =>
      (await fetch(`${at}/disable`, { method: 'POST', headers })).status;
    assert.equal(await (await fetch(`${at}/isEnabled`)).text(), '{"enabled":true}');
    assert.equal((await fetch(`${at}/isEnabled`, { headers: { 'x-forwarded-for': '127.0.0.1' } })).status, 401);
    assert.equal(await post({}), 401);
    assert.equal(await post({ authorization: `Bearer ${operator.token}`, origin: 'http://evil.example' }), 403);
    assert.deepEqual(changes, []);
    assert.equal(await post({ authorization: `Bearer ${operator.token}` }), 200);
    assert.deepEqual(changes, ['disable']);
    open.close();
    open.closeAllConnections();
  });

  it('shows the metrics, and knows no other paths or methods', async () => {
    assert.match(await (await ask('/metrics', 'GET', OPERATOR)).text(), /things_total 1/);
    const missing = await ask('/nosuch', 'GET', OPERATOR);
    assert.equal(missing.status, 404);
    assert.equal(
      ((await missing.json()) as Record<string, string>)['error'],
      'The requested resource could not be found.',
    );
    const wrong = await ask('/disable', 'GET', OPERATOR);
    assert.equal(wrong.status, 405);
    assert.equal(wrong.headers.get('allow'), 'POST');
  });
});
