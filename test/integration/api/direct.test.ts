import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { WELL_KNOWN_USERS } from '../../../deploy/standalone/users.js';
import { openTemporaryStores } from '../../../shared/store/embedded/open.js';
import { TestController } from './testController.js';

const AUTHORIZED = `Authorization: Basic ${Buffer.from(WELL_KNOWN_USERS.guest).toString('base64')}`;
const JSON_TYPE = 'Content-Type: application/json';

/** What differs between two responses to the same request: ids and times. */
const changing = (response: string): string =>
  response
    .replaceAll(/\b[0-9a-f]{32}\b/g, 'ID')
    .replaceAll(/^(Date: ).*$/gm, '$1')
    .replaceAll(/"(start|end|duration|value)":\d+/g, '"$1":0')
    .replace(/^Content-Length: \d+/m, 'Content-Length:');

describe('invocations that pass by express', () => {
  let stores: Awaited<ReturnType<typeof openTemporaryStores>>;
  let controllers: TestController[];
  before(async () => {
    stores = await openTemporaryStores();
    controllers = [await TestController.start({ stores }), await TestController.start({ stores, direct: false })];
    const [api] = controllers;
    await api?.action('echo', (args: unknown) => args);
    await api?.action('web', () => ({ body: 'hello', headers: { 'x-own': '1' } }), {
      annotations: [{ key: 'web-export', value: true }],
    });
    await api?.action('fails', () => ({ error: 'on purpose' }));
    await api?.must('PUT', '_/packages/pkg', {});
    await api?.action('pkg/inner', (args: unknown) => args);
    await api?.must('PUT', '_/triggers/idle', {});
    await api?.must('PUT', '_/triggers/fired', {});
    await api?.must('PUT', '_/rules/rule', { trigger: '/_/fired', action: '/_/echo' });
  });
  after(async () => {
    for (const controller of controllers) await controller.close();
    await stores.close();
  });

  /** The bytes of the response to a request with these headers. */
  function response(base: string, target: string, method: string, headers: readonly string[], body: string) {
    const { hostname, port } = new URL(base);
    const all = ['Host: localhost', 'Connection: close', `Content-Length: ${Buffer.byteLength(body)}`, ...headers];
    return new Promise<string>((resolve, reject) => {
      let text = '';
      const socket = connect(Number(port), hostname, () => {
        socket.write(`${method} ${target} HTTP/1.1\r\n${all.join('\r\n')}\r\n\r\n${body}`);
      });
      socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      socket.on('end', () => resolve(text)).on('error', reject);
    });
  }

  const NAMESPACES = '/api/v1/namespaces';
  const OWN = [AUTHORIZED, JSON_TYPE];
  const requests: [target: string, headers?: string[], body?: string, method?: string][] = [
    [`${NAMESPACES}/_/actions/echo?blocking=true`, OWN, '{"n":1}'],
    [`${NAMESPACES}/guest/actions/echo?blocking=true&result=true`, OWN, '{"n":1}'],
    [`${NAMESPACES}/_/actions/echo`, OWN],
    [`${NAMESPACES}/_/actions/pkg/inner?blocking=true&result=true`, OWN, '{"n":2}'],
    [`${NAMESPACES}/_/actions/fails?blocking=true&result=true`, OWN],
    [`${NAMESPACES}/_/actions/echo?blocking=maybe`, OWN],
    [`${NAMESPACES}/_/actions/echo?blocking=true`, OWN, '{"n":'],
    [`${NAMESPACES}/_/actions/echo?blocking=true`, [AUTHORIZED, 'Content-Type: text/plain'], 'text'],
    [`${NAMESPACES}/_/actions/echo?blocking=true`, [...OWN, 'Accept: text/html'], '{}'],
    [`${NAMESPACES}/_/actions/echo?blocking=true`, [...OWN, 'X-Request-ID: mine'], '{}'],
    [`${NAMESPACES}/_/actions/echo`, [JSON_TYPE]],
    [`${NAMESPACES}/_/actions/echo`, ['Authorization: Basic eDp5', JSON_TYPE]],
    [`${NAMESPACES}/_/actions/missing`, OWN],
    [`${NAMESPACES}/_/actions/missing/inner`, OWN],
    [`${NAMESPACES}/_/actions/-bad`, OWN],
    [`${NAMESPACES}/-bad/actions/echo`, OWN],
    [`${NAMESPACES}/whisk.system/actions/echo`, OWN],
    [`${NAMESPACES}/_/actions/${'a'.repeat(300)}`, OWN],
    [`${NAMESPACES}/_/actions/echo/`, OWN],
    [`${NAMESPACES}/_/actions/pkg/inner/more`, OWN],
    [`${NAMESPACES}/_/actions/%65cho?blocking=true&result=true`, OWN, '{"n":3}'],
    [`${NAMESPACES}/_/actions/%zz`, OWN],
    [`${NAMESPACES}/_/actions`, OWN],
    [`${NAMESPACES}/_/triggers/fired`, OWN, '{}'],
    [`${NAMESPACES}/_/triggers/idle`, OWN, '{}'],
    [`${NAMESPACES}/_/triggers/missing`, OWN, '{}'],
    [`${NAMESPACES}/_/triggers/fired/more`, OWN, '{}'],
    [`${NAMESPACES}/_/triggers/fired`, [JSON_TYPE], '{}'],
    ['/api/v1/web/guest/default/web.http', [], ''],
    ['/api/v1/web/guest/default/web.http/path?a=b', [], '', 'GET'],
    ['/api/v1/web/guest/default/web.json', [], '', 'OPTIONS'],
    ['/api/v1/web/guest/default/web.http', [], '', 'HEAD'],
    ['/api/v1/web/guest/default/missing.http', [], '', 'GET'],
    ['/api/v1/web/guest/default/web.http', [], '', 'TRACE'],
    ['/api/v1/web/guest/%zz/web.http', [], '', 'GET'],
    ['/api/v1/web/guest', [], '', 'GET'],
    ['/api/v1/web', [], '', 'GET'],
  ];
  for (const [target, headers = [], body = '', method = 'POST'] of requests) {
    const shown = target.length > 120 ? `${target.slice(0, 120)}…` : target;
    it(`are answered as by express: ${method} ${shown} ${body} ${headers.length}`, async () => {
      const [direct = '', express = ''] = await Promise.all(
        controllers.map(({ base }) => response(base, target, method, headers, body)),
      );
      assert.match(direct, /^HTTP\/1\.1 \d{3} /);
      assert.equal(changing(direct), changing(express));
    });
  }
});
