import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { HttpServer } from '../../../../controller/http/HttpServer.js';

describe('HttpServer', () => {
  let server: HttpServer;
  let port: number;
  before(async () => {
    server = new HttpServer((_, res) => res.end('served'));
    ({ port } = await server.listen(0, '127.0.0.1'));
  });
  after(() => server.stop(0));

  /** What the server says to these bytes until it closes the connection. */
  const say = (text: string): Promise<string> =>
    new Promise((resolve, reject) => {
      let answer = '';
      const socket = connect(port, '127.0.0.1', () => socket.write(text));
      socket.on('data', (chunk) => (answer += chunk.toString()));
      socket.on('close', () => resolve(answer)).on('error', reject);
    });

  for (const [what, request, status] of [
    ['a request without a host', 'GET /ping HTTP/1.1\r\n\r\n', 400],
    ['an expectation that nobody can meet', 'GET / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n', 417],
    ['a target that is no URL', 'GET ping HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    ['what is no HTTP', 'tea, please\r\n\r\n', 400],
    ['headers without an end', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(33_000)}`, 431],
  ] as const) {
    it(`refuses ${what} as it refuses everything`, async () => {
      const answer = await say(request);
      assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `));
      const body = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))) as { error: unknown; code: unknown };
      assert.deepEqual(Object.keys(body), ['error', 'code']);
      assert.match(answer, new RegExp(`X-Request-ID: ${String(body.code)}\r\n`));
    });
  }

  it('serves HTTP/1.0 without a host', async () => {
    assert.match(await say('GET / HTTP/1.0\r\n\r\n'), /^HTTP\/1.1 200 OK[^]*served$/);
  });

  it('lets requests wait for what it is told to wait for', async () => {
    let open = (): void => {};
    server.hold(new Promise((resolve) => (open = resolve)));
    let answered = false;
    const answer = say('GET / HTTP/1.0\r\n\r\n').then((text) => {
      answered = true;
      return text;
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(answered, false);
    open();
    assert.match(await answer, /served$/);
    assert.match(await say('GET / HTTP/1.0\r\n\r\n'), /served$/);
  });
});
