import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { eventually } from '../../../../e2e/eventually.js';
import { serveOthers } from '../../../../../invoker/runtimes/nodejs/otherRequests.js';
import {
  readRequests,
  type ActionRequest,
  type ActionResponse,
} from '../../../../../invoker/runtimes/nodejs/RequestReader.js';

const MAX_BODY_BYTES = 100;

/** What a test reads of a response. */
interface Heard {
  readonly status: number;
  readonly headers: string;
  readonly body: string;
}

describe('a reader of requests', () => {
  let server: Server;
  let socket: Socket;
  let asked: ActionRequest[];
  let passedOn: number;
  /** The server's side of the connection. */
  let accepted: Socket | undefined;
  /** Responses wait for it. */
  let gate: Promise<void>;
  let heard: string;

  beforeEach(async () => {
    asked = [];
    passedOn = 0;
    gate = Promise.resolve();
    heard = '';
    const answer = async (request: ActionRequest): Promise<ActionResponse> => {
      asked.push(request);
      await gate;
      const json = JSON.stringify({ path: request.path, body: request.body?.toString() ?? null });
      return {
        status: request.path === '/no' ? 403 : 200,
        json,
        tokenAccepted: request.path === '/init',
        silent: false,
      };
    };
    const parts = { answer, maxBodyBytes: MAX_BODY_BYTES, keepAliveMs: 600_000 };
    const others = serveOthers(parts);
    server = createServer({ allowHalfOpen: true }, (connection) => {
      accepted = connection;
      const passOn = (passed: Socket): void => {
        passedOn++;
        // As if the module were being loaded.
        setImmediate(() => {
          others.emit('connection', passed);
          passed.resume();
        });
      };
      readRequests(connection, { ...parts, passOn });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    socket = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', noDelay: true });
    socket.on('data', (chunk) => (heard += String(chunk)));
    await once(socket, 'connect');
  });
  afterEach(() => {
    socket.destroy();
    server.close();
  });

  const post = (path: string, body: string, headers = ''): string =>
    `POST ${path} HTTP/1.1\r\nhost: localhost\r\n${headers}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

  /** The next response. */
  async function response(): Promise<Heard> {
    for (;;) {
      const [, status, headers = '', length] =
        /^HTTP\/1\.1 (\d+) [^\r]*\r\n((?:.+\r\n)*?content-length: (\d+)\r\n(?:.+\r\n)*)\r\n/i.exec(heard) ?? [];
      const from = heard.indexOf('\r\n\r\n') + 4;
      if (status !== undefined && heard.length >= from + Number(length)) {
        const body = heard.slice(from, from + Number(length));
        heard = heard.slice(from + Number(length));
        return { status: Number(status), headers, body };
      }
      await once(socket, 'data');
    }
  }

  it('answers one request after the other on a connection that is kept', async () => {
    for (const [path, status] of [
      ['/init', 200],
      ['/run', 200],
      ['/no', 403],
    ] as const) {
      socket.write(post(path, 'x', 'connection: keep-alive\r\nX-Invoker-Token: a-token \r\n'));
      const { status: got, headers, body } = await response();
      assert.deepEqual([got, JSON.parse(body)], [status, { path, body: 'x' }]);
      assert.match(headers, /^content-type: application\/json\r\n/i);
      assert.match(headers, /keep-alive: timeout=600\r\n/i);
      assert.equal(/x-invoker-token: accepted/.test(headers), path === '/init');
    }
    assert.deepEqual(
      asked.map(({ method, token }) => [method, token]),
      [
        ['POST', 'a-token'],
        ['POST', 'a-token'],
        ['POST', 'a-token'],
      ],
    );
    assert.equal(passedOn, 0);
  });

  it('joins the pieces of a body', async () => {
    const [head = '', body = ''] = post('/run', 'abcdef').split(/(?<=\r\n\r\n)/);
    for (const piece of [head, ...body.split('')]) {
      socket.write(piece);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal((await response()).body, '{"path":"/run","body":"abcdef"}');
    socket.write(post('/run', ''));
    assert.equal((await response()).body, '{"path":"/run","body":""}');
    assert.equal(passedOn, 0);
  });

  it('answers requests in their order if they come before the response', async () => {
    let open = (): void => {};
    gate = new Promise((resolve) => (open = resolve));
    socket.write(`${post('/a', '1')}${post('/b', '2')}`);
    socket.write(post('/c', '3'));
    while (asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
    open();
    for (const path of ['/a', '/b', '/c']) assert.match((await response()).body, new RegExp(`"${path}"`));
    assert.equal(asked.length, 3);
  });

  it('answers a client that has ended its half of the connection, and then ends the other', async () => {
    socket.end(post('/run', 'x'));
    assert.equal((await response()).status, 200);
    if (!socket.readableEnded) await once(socket, 'end');
  });

  for (const [name, rest, ours] of [
    ['an incomplete body', post('/late', 'xyz').slice(0, -1), true],
    ['an incomplete head', 'POST /la', false],
  ] as const) {
    it(`ends a connection that the client has ended with ${name} after a request`, async () => {
      let open = (): void => {};
      gate = new Promise((resolve) => (open = resolve));
      socket.write(post('/run', 'x'));
      await eventually(async () => assert.equal(asked.length, 1));
      socket.end(rest);
      await eventually(async () => assert.equal(accepted?.isPaused(), true));
      open();
      assert.equal((await response()).status, 200);
      if (!socket.readableEnded) await once(socket, 'end');
      assert.equal(asked.length, 1);
      assert.equal(passedOn, ours ? 0 : 1);
    });
  }

  it('answers a request of another form that came before a response, and with which the client has ended its half', async () => {
    let open = (): void => {};
    gate = new Promise((resolve) => (open = resolve));
    socket.write(post('/run', 'x'));
    await eventually(async () => assert.equal(asked.length, 1));
    socket.end('GET /late HTTP/1.1\r\nHost: x\r\n\r\n');
    await eventually(async () => assert.equal(accepted?.isPaused(), true));
    open();
    assert.equal((await response()).body, '{"path":"/run","body":"x"}');
    assert.equal((await response()).body, '{"path":"/late","body":""}');
    if (!socket.readableEnded) await once(socket, 'end');
    assert.equal(passedOn, 1);
  });

  it('leaves most of the requests that come before a response with the client', async () => {
    let open = (): void => {};
    gate = new Promise((resolve) => (open = resolve));
    const count = 5000;
    const body = 'x'.repeat(MAX_BODY_BYTES);
    socket.write(post('/run', body).repeat(count));
    await eventually(async () => assert.equal(accepted?.isPaused(), true));
    assert.ok((accepted?.bytesRead ?? 0) < 262_144, `${accepted?.bytesRead} bytes`);
    open();
    for (let i = 0; i < count; i++) assert.equal((await response()).status, 200);
    socket.end();
    if (!socket.readableEnded) await once(socket, 'end');
    assert.equal(asked.length, count);
  });

  const OTHERS: readonly (readonly [name: string, request: string, body: string | null])[] = [
    ['another method', 'GET /run HTTP/1.1\r\nHost: x\r\n\r\n', ''],
    ['no length', 'POST /run HTTP/1.1\r\nHost: x\r\n\r\n', ''],
    ['chunks', 'POST /run HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n', 'abc'],
    ['a connection to close', post('/run', 'abc', 'Connection: close\r\n'), 'abc'],
    ['the version 1.0', post('/run', 'abc').replace('1.1', '1.0'), 'abc'],
    ['a header that is not ASCII', post('/run', 'abc', 'X-A: \u00e9\r\n'), 'abc'],
    ['a body that is too long', post('/run', 'x'.repeat(MAX_BODY_BYTES + 1)), null],
  ];
  for (const [name, request, body] of OTHERS) {
    it(`leaves a request with ${name} to node:http, and those after it`, async () => {
      socket.write(post('/first', 'x'), 'latin1');
      assert.equal((await response()).status, 200);
      assert.equal(passedOn, 0);
      socket.write(request, 'latin1');
      assert.equal((await response()).body, JSON.stringify({ path: '/run', body }));
      assert.equal(passedOn, 1);
      if (/close|1\.0/.test(request)) return;
      socket.write(post('/again', 'y'));
      assert.equal((await response()).body, '{"path":"/again","body":"y"}');
      assert.equal(passedOn, 1);
    });
  }

  it('leaves a head that comes in pieces to node:http', async () => {
    const text = post('/run', 'abc');
    socket.write(text.slice(0, 30));
    await eventually(async () => assert.equal(passedOn, 1));
    socket.write(text.slice(30));
    assert.equal((await response()).body, '{"path":"/run","body":"abc"}');
  });

  for (const [name, request] of [
    ['two lengths', post('/run', 'abc', 'Content-Length: 4\r\n')],
    ['a length that is not a number', post('/run', 'abc').replace('3', 'x')],
    ['a line of a header without a name', post('/run', 'abc', 'X-A: 1\r\n 2\r\n')],
    ['a length and chunks', post('/run', 'abc', 'Transfer-Encoding: chunked\r\n')],
  ] as const) {
    it(`refuses a request with ${name}`, async () => {
      socket.write(request);
      while (!heard.startsWith('HTTP/1.1 400 ')) await once(socket, 'data');
      assert.deepEqual(asked, []);
    });
  }
});
