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
  function response(base: string, request: string): Promise<string> {
    const { hostname, port } = new URL(base);
    return new Promise<string>((resolve, reject) => {
      let text = '';
      const socket = connect(Number(port), hostname, () => socket.write(request));
      socket.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        if (isWhole(text)) socket.destroy();
      });
      socket.on('close', () => resolve(text)).on('error', reject);
    });
  }

  function bytes(target: string, method: string, headers: readonly string[], body: string): string {
    const all = ['Host: localhost', `Content-Length: ${Buffer.byteLength(body)}`, ...headers];
    return `${method} ${target} HTTP/1.1\r\n${all.join('\r\n')}\r\n\r\n${body}`;
  }

  /** Whether a response of a kept connection is complete. */
  function isWhole(text: string): boolean {
    const head = text.slice(0, text.indexOf('\r\n\r\n') + 4);
    if (!head.includes('\r\nConnection: keep-alive\r\n')) return false;
    const length = /^Content-Length: (\d+)/im.exec(head)?.[1];
    return length !== undefined && Buffer.byteLength(text.slice(head.length)) >= Number(length);
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
      for (const connection of ['Connection: close', 'Connection: keep-alive']) {
        // Without a length, a response would not come to its end.
        if (connection.endsWith('keep-alive') && !target.startsWith(NAMESPACES)) continue;
        if (target.endsWith('triggers/idle') && connection.endsWith('keep-alive')) continue;
        const request = bytes(target, method, [connection, ...headers], body);
        const [direct = '', express = ''] = await Promise.all(controllers.map(({ base }) => response(base, request)));
        assert.match(direct, /^HTTP\/1\.1 \d{3} /);
        assert.equal(changing(direct), changing(express));
      }
    });
  }

  it('are answered one after the other on a connection, whatever comes between them', async () => {
    const call = bytes(`${NAMESPACES}/_/actions/echo?blocking=true&result=true`, 'POST', OWN, '{"n":1}');
    const fire = bytes(`${NAMESPACES}/_/triggers/idle`, 'POST', OWN, '');
    const last = bytes('/api/v1', 'GET', ['Connection: close'], '');
    const [direct = '', express = ''] = await Promise.all(
      controllers.map(({ base: at }) => {
        const { hostname, port } = new URL(at);
        return new Promise<string>((resolve, reject) => {
          let text = '';
          // The second one comes in two pieces.
          const parts = [call, call.slice(0, -3), call.slice(-3), fire, call + call, last];
          const socket = connect(Number(port), hostname, () => socket.write(parts.shift() ?? ''));
          let answers = 0;
          socket.setEncoding('utf8').on('data', (chunk: string) => {
            text += chunk;
            const now = text.split('HTTP/1.1 ').length - 1;
            if (now === answers || (now === 4 && parts.length === 1)) return;
            answers = now;
            if (parts.length === 5) setTimeout(() => socket.write(parts.shift() ?? ''), 20);
            socket.write(parts.shift() ?? '');
          });
          socket.on('close', () => resolve(text)).on('error', reject);
        });
      }),
    );
    assert.equal(direct.split('HTTP/1.1 ').length - 1, 6);
    assert.equal(changing(direct), changing(express));
  });
});
