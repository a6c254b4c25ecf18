import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { HttpConnections, type Sending } from '../../../../invoker/containers/HttpConnections.js';
import { parseHead } from '../../../../invoker/containers/responseHead.js';
import { within } from '../../../../shared/process/within.js';

const HEAD = 'POST /run HTTP/1.1\r\nhost: localhost\r\n';

describe('the head of a response', () => {
  it('has a status, a length, and the fate of the connection', () => {
    const head = parseHead(
      'HTTP/1.1 200 OK\r\nContent-Type: a/b\r\ncontent-LENGTH: 12 \r\nConnection: keep-alive\r\nKeep-Alive: timeout=5, max=9\r\nX-Invoker-Token: accepted\r\nX-Palette-Logs: none',
    );
    assert.deepEqual(head, {
      status: 200,
      length: 12,
      keepAliveMs: 5000,
      closes: false,
      token: 'accepted',
      logs: 'none',
    });
    const none = { length: undefined, keepAliveMs: undefined, token: undefined, logs: undefined };
    assert.deepEqual(parseHead('HTTP/1.0 503'), { ...none, status: 503, closes: true });
    assert.equal(parseHead('HTTP/1.0 200 OK\r\nConnection: Keep-Alive').closes, false);
    assert.equal(parseHead('HTTP/1.1 200 OK\r\nConnection: close').closes, true);
    assert.equal(parseHead('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5').length, undefined);
  });

  for (const text of [
    'garbage',
    'HTTP/2 200',
    'HTTP/1.1 200 OK\r\nno colon',
    'HTTP/1.1 200 OK\r\n: nameless',
    'HTTP/1.1 200 OK\r\nContent-Length: -1',
    'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2',
  ]) {
    it(`is refused: ${JSON.stringify(text)}`, () => assert.throws(() => parseHead(text), /the response/));
  }
});

/** A server that is frozen, and whose queue of connections is full: further ones get no answer. */
async function fullServer(): Promise<{ port: number; close: () => void }> {
  const code =
    'const s = require("net").createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, ' +
    '() => console.log(s.address().port))';
  const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(line.toString());
  child.kill('SIGSTOP');
  const fillers: Socket[] = [];
  // Linux queues one more than the backlog, and lets further ones wait. A busy machine may let one wait that is queued.
  for (let waiting = 0; waiting < 3;) {
    const filler = connect(port, '127.0.0.1').on('error', () => undefined);
    fillers.push(filler);
    const connected = once(filler, 'connect').then(() => true);
    waiting = (await within(connected, 200, () => false)) ? 0 : waiting + 1;
    assert.ok(fillers.length < 100, 'the queue of the server has no end');
  }
  return {
    port,
    close: () => {
      for (const filler of fillers) filler.destroy();
      child.kill('SIGKILL');
    },
  };
}

describe('connections to a container whose server is frozen', () => {
  before(function () {
    if (process.platform !== 'linux') this.skip();
  });

  it('fail at their limit, without the request', async () => {
    const { port, close } = await fullServer();
    const connections = new HttpConnections({ host: '127.0.0.1', port }, 1, { connectMs: 300 });
    try {
      let started = false;
      const nothing = (): void => undefined;
      const error = await new Promise<Error>((resolve) => {
        const exchange = { started: () => void (started = true), head: nothing, data: nothing, end: nothing };
        connections.send({ head: HEAD, body: '{}' }, { ...exchange, failed: resolve });
      });
      assert.equal(error.message, 'no connection in 300 ms');
      assert.equal(started, false, 'another container may take the activation');
    } finally {
      connections.destroy();
      close();
    }
  });
});

describe('connections to a container', () => {
  let server: Server;
  let accepted: Socket[];
  let connections: HttpConnections;
  /** What the server does with the text of each request. */
  let serve: (socket: Socket, request: string) => void;
  beforeEach(async () => {
    accepted = [];
    server = createServer((socket) => {
      accepted.push(socket);
      socket.setEncoding('utf8').on('data', (text: string) => serve(socket, text));
      socket.on('error', () => undefined);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => {
    connections.destroy();
    for (const socket of accepted) socket.destroy();
    server.close();
  });

  function open(max: number): void {
    connections = new HttpConnections({ host: '127.0.0.1', port: (server.address() as AddressInfo).port }, max);
  }

  /** Sends a request. Resolves to its course, of which the parts of the body are one text. */
  function send(body: Parameters<HttpConnections['send']>[0]['body'], given?: (sending: Sending) => void) {
    return new Promise<string[]>((resolve) => {
      const course: string[] = [];
      let text = '';
      const sending = connections.send(
        { head: HEAD, body },
        {
          started: () => course.push('started'),
          head: ({ status }) => course.push(String(status)),
          data: (chunk) => (text += chunk.toString()),
          end: () => resolve([...course, text]),
          failed: ({ message }) => resolve([...course, message]),
        },
      );
      given?.(sending);
    });
  }

  const answer = (text: string, fields = ''): string =>
    `HTTP/1.1 200 OK\r\n${fields}Content-Length: ${text.length}\r\n\r\n${text}`;

  it('send a request with its length as one write, and are used again', async () => {
    open(1);
    const requests: string[] = [];
    serve = (socket, request) => {
      requests.push(request);
      socket.write(answer('{}'));
    };
    assert.deepEqual(await send('{"é":1}'), ['started', '200', '{}']);
    assert.deepEqual(await send('2'), ['started', '200', '{}']);
    assert.deepEqual(requests, [`${HEAD}content-length: 8\r\n\r\n{"é":1}`, `${HEAD}content-length: 1\r\n\r\n2`]);
    assert.equal(accepted.length, 1);
  });

  it('read a response that comes byte by byte, after an interim one', async () => {
    open(1);
    serve = (socket) => {
      const bytes = `HTTP/1.1 100 Continue\r\n\r\n${answer('hello')}`;
      const next = (at: number): void => {
        if (at < bytes.length) socket.write(bytes.slice(at, at + 1), () => setImmediate(next, at + 1));
      };
      socket.setNoDelay(true);
      next(0);
    };
    assert.deepEqual(await send(''), ['started', '200', 'hello']);
  });

  it('let requests wait for a free connection, in order', async () => {
    open(2);
    const waiting: Socket[] = [];
    serve = (socket) => waiting.push(socket);
    const all = [send('1'), send('2'), send('3')];
    while (waiting.length < 2) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(accepted.length, 2);
    serve = (socket, request) => socket.write(answer(request.slice(-1)));
    for (const socket of waiting) socket.write(answer('x'));
    assert.deepEqual(
      (await Promise.all(all)).map((course) => course.at(-1)),
      ['x', 'x', '3'],
    );
    assert.equal(accepted.length, 2);
  });

  it('make a new connection if the server closes, or may close before the next request', async () => {
    open(1);
    for (const fields of ['Connection: close\r\n', 'Keep-Alive: timeout=1\r\n']) {
      serve = (socket) => socket.write(answer('{}', fields));
      assert.deepEqual(await send(''), ['started', '200', '{}']);
    }
    serve = (socket) => socket.end(answer('{}'));
    assert.deepEqual(await send(''), ['started', '200', '{}']);
    assert.equal(accepted.length, 3);
    await Promise.all(accepted.filter((socket) => !socket.closed).map((socket) => once(socket, 'close')));
    assert.deepEqual(await send(''), ['started', '200', '{}']);
  });

  it('fail an invalid response, and continue with a new connection', async () => {
    open(1);
    for (const [text, message] of [
      ['nonsense\r\n\r\n', 'the response is not HTTP'],
      [`${answer('{}')}more`, 'the response is longer than its length'],
      ['x'.repeat(70_000), 'the head of the response is too long'],
    ] as const) {
      serve = (socket) => socket.write(text);
      assert.equal((await send('')).at(-1), message);
    }
    serve = (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort');
    assert.deepEqual((await send('')).slice(0, 2), ['started', '200']);
    serve = (socket) => socket.write(answer('{}'));
    assert.deepEqual(await send(''), ['started', '200', '{}']);
  });

  it('close when the server writes unasked', async () => {
    open(1);
    serve = (socket) => socket.write(answer('{}'));
    await send('');
    accepted[0]?.write(answer('for nobody'));
    await once(accepted[0] ?? server, 'close');
    assert.deepEqual(await send(''), ['started', '200', '{}']);
    assert.equal(accepted.length, 2);
  });

  it('are not started if nothing listens', async () => {
    connections = new HttpConnections({ socketPath: '/nonexistent/socket' }, 1);
    const [what] = await send('');
    assert.match(what ?? '', /ENOENT/);
  });

  it('write a body in pieces, and fail one that is shorter than it says', async () => {
    open(1);
    const piece = Buffer.alloc(300_000, 'a');
    const pieces = (count: number) => ({
      bytes: 10 * piece.length,
      async *pieces() {
        for (let i = 0; i < count; i++) yield piece;
      },
    });
    let received = 0;
    serve = (socket, text) => {
      received += text.length;
      if (received > 10 * piece.length) socket.write(answer('{}'));
    };
    assert.deepEqual(await send(pieces(10)), ['started', '200', '{}']);
    assert.deepEqual(await send(pieces(9)), ['started', 'the body of a request does not have its length']);
  });

  it('ask for another piece of a body only when the system has all bytes of the pieces before', async () => {
    open(1);
    const bytes = 12 * 1024;
    const memory = { written: 0 };
    const turns: number[] = [];
    const body = {
      bytes: 10_000 * bytes,
      async *pieces() {
        for (;;) {
          yield Buffer.alloc(bytes, 'a');
          // Its memory may be used again.
          memory.written += bytes;
        }
      },
    };
    let received = '';
    serve = (socket, text) => {
      received += text;
      socket.pause();
    };
    let sending: Sending | undefined;
    void send(body, (given) => (sending = given));
    // The peer does not read, so that the writer has to stop. If it is slow and does not stop yet, it must be right as well.
    do {
      await new Promise((resolve) => setTimeout(resolve, 1));
      turns.push(memory.written);
    } while (memory.written === 0 || turns.at(-20) !== memory.written);
    const [socket] = accepted;
    assert.ok(socket);
    const atStop = memory.written;
    sending?.abort();
    serve = (_, text) => (received += text);
    socket.resume();
    await once(socket, 'end');
    assert.equal(memory.written, atStop);
    const ofBody = received.length - received.indexOf('\r\n\r\n') - 4;
    assert.ok(
      ofBody >= memory.written,
      `the system had ${ofBody} bytes, and the memory of ${memory.written} might be used again`,
    );
  });

  it('do not start a request that was given up, and read on when a pause ends', async () => {
    open(1);
    const requests: string[] = [];
    serve = (socket, request) => {
      requests.push(request.slice(-1));
      socket.write(answer('a'.repeat(500_000)));
    };
    const paused = send('1', (sending) => {
      sending.pause();
      setTimeout(() => sending.resume(), 20);
    });
    void send('2', (sending) => sending.abort());
    assert.equal((await paused).at(-1)?.length, 500_000);
    await send('3');
    assert.deepEqual(requests, ['1', '3']);
  });

  it('fail requests under way and waiting ones when they are destroyed', async () => {
    open(1);
    const arrived = new Promise<void>((resolve) => (serve = () => resolve()));
    const both = [send('1'), send('2')];
    await arrived;
    connections.destroy();
    assert.deepEqual(await Promise.all(both), [
      ['started', 'the connections are closed'],
      ['the connections are closed'],
    ]);
  });
});
