import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import fc from 'fast-check';
import { wholeResponses } from '../../../rawHttp.js';
import { eventually } from '../../../e2e/eventually.js';
import { HttpServer, type HttpServerOptions } from '../../../../controller/http/HttpServer.js';
import { QuickRequest, whenClosed } from '../../../../controller/http/quick/QuickExchange.js';

/** Answers what it got. */
async function echo(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  const { method, url, headers } = req;
  const text = JSON.stringify({ method, url, headers, body: Buffer.concat(chunks).toString() });
  res.setHeader('X-Own', 'own');
  res.setHeader('Content-Type', 'application/json');
  res.setHeader('Content-Length', Buffer.byteLength(text));
  res.end(text);
}

describe('requests that are served without Node’s server', () => {
  const servers: HttpServer[] = [];
  const doors: Server[] = [];
  /** The server's sides of the connections. */
  const accepted: Socket[] = [];
  const seen: boolean[] = [];
  const open = async (
    handler: (req: IncomingMessage, res: ServerResponse) => void,
    quick: boolean,
    options: HttpServerOptions = {},
  ): Promise<{ readonly server: HttpServer; readonly port: number }> => {
    const server = new HttpServer(undefined, options);
    servers.push(server);
    const noting = (req: IncomingMessage, res: ServerResponse): void => {
      seen.push(req instanceof QuickRequest);
      handler(req, res);
    };
    server.serve(noting, quick ? (method, target) => method === 'POST' && target.startsWith('/q') : undefined);
    const door = createServer({ allowHalfOpen: true }, (socket) => {
      accepted.push(socket);
      server.adopt(socket);
    });
    doors.push(door);
    door.listen(0, '127.0.0.1');
    await once(door, 'listening');
    return { server, port: (door.address() as AddressInfo).port };
  };
  beforeEach(() => seen.splice(0));
  afterEach(async () => {
    accepted.splice(0);
    for (const door of doors.splice(0)) door.close();
    for (const server of servers.splice(0)) await server.stop(0);
  });

  /** Resolves when the server has read so many bytes of its latest connection. */
  const received = (bytes: number): Promise<void> => eventually(() => assert.equal(accepted.at(-1)?.bytesRead, bytes));

  /** What the server says to these bytes: so many responses, and all that comes after them until the client ends the connection. */
  const say = (port: number, request: string | Buffer, { ends = false, responses = 1 } = {}): Promise<string> =>
    new Promise((resolve, reject) => {
      let answer = '';
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => {
        if (ends) socket.end(request);
        else socket.write(request);
      });
      socket.on('data', (chunk) => {
        answer += chunk.toString('latin1');
        if (wholeResponses(answer) >= responses) socket.end();
      });
      socket.on('end', () => socket.end());
      socket.on('close', () => resolve(answer)).on('error', reject);
    });
  const undated = (answer: string): string => answer.replaceAll(/^Date: .*$/gm, 'Date:');

  const withoutIds = (text: string): string => undated(text).replaceAll(/\b\w{32}\b/g, 'ID');

  const HOST = 'Host: x\r\n';
  const body = (text: string): string => `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
  const requests: [what: string, request: string, quick: boolean][] = [
    ['a usual one', `POST /q?a=b HTTP/1.1\r\n${HOST}Content-Type: application/json\r\n${body('{"n":1}')}`, true],
    ['one without a body', `POST /q HTTP/1.1\r\n${HOST}Accept:  */* \r\n\r\n`, true],
    ['one with a length of 0', `POST /q HTTP/1.1\r\n${HOST}Connection: Keep-Alive\r\n${body('')}`, true],
    ['a body that is not ASCII', `POST /q HTTP/1.1\r\n${HOST}${body('ä€😀')}`, true],
    ['an empty header', `POST /q HTTP/1.1\r\n${HOST}X-Empty:\r\n${body('x')}`, true],
    ['another method', `PUT /q HTTP/1.1\r\n${HOST}${body('x')}`, false],
    ['another target', `POST /other HTTP/1.1\r\n${HOST}${body('x')}`, false],
    ['a long body', `POST /q HTTP/1.1\r\n${HOST}${body('x'.repeat(70_000))}`, false],
    [
      'repeated headers',
      `POST /q HTTP/1.1\r\n${HOST}X-A: 1\r\nX-A: 2\r\nCookie: a\r\nCookie: b\r\n${body('x')}`,
      false,
    ],
    ['a header that is always a list', `POST /q HTTP/1.1\r\n${HOST}Set-Cookie: a\r\n${body('x')}`, false],
    ['a header of any object', `POST /q HTTP/1.1\r\n${HOST}constructor: 1\r\n__proto__: 2\r\n${body('x')}`, false],
    ['a closing connection', `POST /q HTTP/1.1\r\n${HOST}Connection: close\r\n${body('x')}`, false],
    ['an upgrade', `POST /q HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: tea\r\n${body('x')}`, false],
    ['chunks', `POST /q HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n`, false],
    ['chunks and a length', `POST /q HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n${body('x')}`, false],
    ['an expectation', `POST /q HTTP/1.1\r\n${HOST}Expect: 100-continue\r\n${body('x')}`, false],
    ['HTTP/1.0', `POST /q HTTP/1.0\r\n${body('x')}`, false],
    ['no host', `POST /q HTTP/1.1\r\n${body('x')}`, false],
    ['a folded header', `POST /q HTTP/1.1\r\n${HOST}X-A: 1\r\n 2\r\n${body('x')}`, false],
    ['a space before a colon', `POST /q HTTP/1.1\r\n${HOST}X-A : 1\r\n${body('x')}`, false],
    ['a line without a colon', `POST /q HTTP/1.1\r\n${HOST}X-A\r\n${body('x')}`, false],
    ['line feeds alone', `POST /q HTTP/1.1\n${HOST}${body('x')}`, false],
    ['a carriage return alone', `POST /q HTTP/1.1\r\n${HOST}X-A: 1\rX-B: 2\r\n${body('x')}`, false],
    ['a tab in a value', `POST /q HTTP/1.1\r\n${HOST}X-A: 1\t2\r\n${body('x')}`, false],
    ['a zero byte in a value', `POST /q HTTP/1.1\r\n${HOST}X-A: 1\0\r\n${body('x')}`, false],
    ['Latin-1 in a value', `POST /q HTTP/1.1\r\n${HOST}X-A: \xe4\r\n${body('x')}`, false],
    ['a length with a sign', `POST /q HTTP/1.1\r\n${HOST}Content-Length: +1\r\n\r\nx`, false],
    ['two lengths', `POST /q HTTP/1.1\r\n${HOST}Content-Length: 1\r\n${body('xy')}`, false],
    ['a list of lengths', `POST /q HTTP/1.1\r\n${HOST}Content-Length: 1, 1\r\n\r\nx`, false],
    ['an absolute target', `POST http://y/q HTTP/1.1\r\n${HOST}${body('x')}`, false],
    ['two spaces', `POST  /q HTTP/1.1\r\n${HOST}${body('x')}`, false],
    ['a method in lower case', `post /q HTTP/1.1\r\n${HOST}${body('x')}`, false],
    ['a fragment', `POST /q#f HTTP/1.1\r\n${HOST}${body('x')}`, true],
    [
      'many headers',
      `POST /q HTTP/1.1\r\n${HOST}${Array.from({ length: 150 }, (_, i) => `X-${i}: 1\r\n`).join('')}${body('x')}`,
      false,
    ],
    ['a long target', `POST /q${'x'.repeat(9000)} HTTP/1.1\r\n${HOST}${body('x')}`, false],
    ['two at once', `POST /q1 HTTP/1.1\r\n${HOST}${body('1')}POST /q2 HTTP/1.1\r\n${HOST}${body('2')}`, false],
  ];
  for (const [what, request, quick] of requests) {
    it(`are answered in the same way: ${what}`, async () => {
      const handler = (req: IncomingMessage, res: ServerResponse): void => void echo(req, res);
      const bytes = Buffer.from(request, what.startsWith('Latin-1') ? 'latin1' : 'utf8');
      const responses = what === 'two at once' ? 2 : 1;
      const expected = await say((await open(handler, false)).port, bytes, { responses });
      assert.ok(!seen.includes(true));
      seen.splice(0);
      const answer = await say((await open(handler, true)).port, bytes, { responses });
      assert.equal(withoutIds(answer), withoutIds(expected));
      assert.equal(seen.includes(true), quick);
    });
  }

  const HEADERS = [
    'Accept',
    'Connection',
    'Content-Length',
    'Content-Type',
    'Cookie',
    'Expect',
    'Host',
    'Keep-Alive',
    'TE',
  ]
    .concat([
      'Proxy-Connection',
      'Set-Cookie',
      'Trailer',
      'Transfer-Encoding',
      'Upgrade',
      'X-A',
      'x-a',
      'toString',
      '-',
      '1',
    ])
    .concat(['X_A', 'X A', '']);
  const VALUES = [
    '',
    ' ',
    '\t',
    'x',
    'x, y',
    '0',
    '1',
    '01',
    '+1',
    '1 ',
    '1, 1',
    '0x1',
    'chunked',
    'close',
    'keep-alive',
    'a:b',
    ':',
  ]
    .concat(['keep-alive, close', 'upgrade', '100-continue', 'a\tb', 'a\rb', 'a\nb', 'a\r\n b', 'a\0', '\x7f', '\xe4'])
    .concat(['9'.repeat(30)]);
  it('are answered in the same way, whatever their headers are', async () => {
    const handler = (req: IncomingMessage, res: ServerResponse): void => void echo(req, res);
    const ports = [(await open(handler, true)).port, (await open(handler, false)).port];
    const lines = fc.array(fc.tuple(fc.constantFrom(...HEADERS), fc.constantFrom(...VALUES)), {
      minLength: 1,
      maxLength: 2,
    });
    await fc.assert(
      fc.asyncProperty(lines, fc.boolean(), async (pairs, withLength) => {
        const text = pairs.map(([name, value]) => `${name}: ${value}\r\n`).join('');
        const rest = withLength ? body('x') : '\r\n';
        const bytes = Buffer.from(`POST /q HTTP/1.1\r\n${HOST}${text}${rest}`, 'latin1');
        const [answer, expected] = await Promise.all(ports.map((port) => say(port, bytes, { ends: true })));
        // A response says whether its connection is kept, and a client that has ended it may be too early or too late for that.
        const same = (all = ''): string =>
          withoutIds(all).replaceAll(/^(?:Connection: (?:close|keep-alive)|Keep-Alive: .*)\r\n/gm, '');
        assert.equal(same(answer), same(expected));
      }),
      { numRuns: 200 },
    );
    assert.ok(seen.includes(true) && seen.includes(false));
  });

  it('may come in pieces, and one after the other', async () => {
    const { port } = await open((req, res) => void echo(req, res), true);
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    let sent = 0;
    for (const text of ['', 'first', 'second']) {
      const request = `POST /q HTTP/1.1\r\n${HOST}${body(text)}`;
      const at = request.length - text.length;
      const answered = once(socket, 'data') as Promise<[Buffer]>;
      for (const piece of [request.slice(0, at), ...request.slice(at).split('')]) {
        socket.write(piece);
        await received((sent += piece.length));
      }
      const [answer] = await answered;
      assert.ok(answer.toString().endsWith(`"body":"${text}"}`));
    }
    socket.destroy();
    assert.deepEqual(seen, [true, true, true]);
  });

  it('are answered after the ones before them', async () => {
    const waiting: ServerResponse[] = [];
    const { port } = await open((_, res) => waiting.push(res), true);
    const request = (n: number): string => `POST /q${n} HTTP/1.1\r\n${HOST}${body('x')}`;
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk.toString()));
    socket.write(request(1));
    await eventually(() => assert.equal(waiting.length, 1));
    socket.write(`${request(2)}${request(3)}`);
    await received(3 * request(1).length);
    assert.equal(waiting.length, 1);
    for (let n = 1; n <= 3; n++) {
      await eventually(() => assert.ok(waiting.length >= n));
      waiting[n - 1]?.end(`<${n}>`);
      await eventually(() => assert.ok(answer.includes(`<${n}>`)));
    }
    socket.destroy();
  });

  it('may be followed by others, which Node’s server answers, although the client has closed its half of the connection', async () => {
    const waiting: ServerResponse[] = [];
    const { port } = await open((_, res) => waiting.push(res), true);
    const [first, second] = ['/q', '/other'].map((target) => `POST ${target} HTTP/1.1\r\n${HOST}${body('x')}`);
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk.toString())).on('end', () => socket.end());
    const closed = once(socket, 'close');
    socket.write(first ?? '');
    await eventually(() => assert.equal(waiting.length, 1));
    socket.end(second ?? '');
    await eventually(() => assert.equal(accepted[0]?.isPaused(), true));
    waiting[0]?.end('<1>');
    await eventually(() => assert.equal(waiting.length, 2));
    waiting[1]?.end('<2>');
    await closed;
    assert.equal(wholeResponses(answer), 2);
    assert.match(answer, /<1>[^]*<2>$/);
    assert.deepEqual(seen, [true, false]);
  });

  it('are answered if the client has closed its half of the connection, which is over then', async () => {
    const { port } = await open((_, res) => setImmediate(() => setImmediate(() => res.end('late'))), true);
    const answer = await say(port, `POST /q HTTP/1.1\r\n${HOST}${body('x')}`, { ends: true });
    assert.match(answer, /^HTTP\/1.1 200 OK\r\n[^]*Connection: close\r\n[^]*late$/);
    assert.deepEqual(seen, [true]);
  });

  for (const [what, request] of [
    ['does not come', ''],
    ['does not come to its end', `POST /q HTTP/1.1\r\n${HOST}Content-Length: 10\r\n\r\n{`],
  ] as const) {
    it(`are refused if one ${what} in time`, async () => {
      const { port } = await open(() => assert.fail(), true, { receiveMs: 50 });
      assert.match(await say(port, request), /^HTTP\/1.1 408 [^]*"error":"The request did not arrive in time\."/);
    });
  }

  it('are refused if their client ends them early', async () => {
    const { port } = await open(() => assert.fail(), true);
    const answer = await say(port, `POST /q HTTP/1.1\r\n${HOST}Content-Length: 10\r\n\r\n{`, { ends: true });
    assert.match(answer, /^HTTP\/1.1 400 /);
  });

  it('tell of clients that are gone', async () => {
    let close = (): void => {};
    const closed = new Promise<void>((resolve) => (close = resolve));
    const { port } = await open((_, res) => res.once('close', close), true);
    const socket = connect(port, '127.0.0.1', () => socket.write(`POST /q HTTP/1.1\r\n${HOST}${body('x')}`));
    await eventually(() => assert.equal(seen.length, 1));
    socket.resetAndDestroy();
    await closed;
  });

  it('are answered before a stop, which closes their connections, and idle ones', async () => {
    const waiting: ServerResponse[] = [];
    const { server, port } = await open((_, res) => waiting.push(res), true);
    const request = `POST /q HTTP/1.1\r\n${HOST}${body('x')}`;
    const answer = say(port, request);
    const idle = connect(port, '127.0.0.1');
    await eventually(() => assert.equal(waiting.length, 1));
    const stopped = server.stop(5000);
    await once(idle.resume(), 'close');
    waiting[0]?.end('done');
    await stopped;
    // Its client must not send the next request into the end.
    assert.match(await answer, /Connection: close\r\n[^]*done$/);
  });

  for (const quick of [true, false]) {
    const target = quick ? '/q' : '/other';
    it(`do not hold up a stop if their clients keep their half of the connection open: ${target}`, async () => {
      const waiting: ServerResponse[] = [];
      const { server, port } = await open((_, res) => waiting.push(res), true);
      const request = `POST ${target} HTTP/1.1\r\n${HOST}${body('x')}`;
      const clients = ['new', 'idle', 'waits'].map(() => connect({ port, host: '127.0.0.1', allowHalfOpen: true }));
      await Promise.all(clients.map((socket) => once(socket, 'connect')));
      const [, idle, waits] = clients;
      assert.ok(idle && waits);
      const [kept, ended] = [once(idle, 'data'), clients.map((socket) => once(socket, 'end'))];
      for (const socket of clients) socket.resume();
      idle.write(request);
      await eventually(() => assert.equal(waiting.length, 1));
      waiting[0]?.end('kept');
      await kept;
      waits.write(request);
      await eventually(() => assert.equal(waiting.length, 2));
      // Far longer than a test may take.
      const stopped = server.stop(3_600_000);
      const answer = once(waits, 'data') as Promise<[Buffer]>;
      waiting[1]?.end('answered');
      assert.match((await answer)[0].toString(), /answered$/);
      await Promise.all(ended);
      await stopped;
      for (const socket of clients) socket.destroy();
    }).timeout(60_000);
  }

  it('do not hold up a stop if many more have come than are read', async () => {
    const waiting: ServerResponse[] = [];
    const { server, port } = await open((_, res) => waiting.push(res), true);
    const request = `POST /q HTTP/1.1\r\n${HOST}${body('x'.repeat(1000))}`;
    const socket = connect({ port, host: '127.0.0.1' });
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk.toString())).on('error', () => undefined);
    socket.write(request);
    await eventually(() => assert.equal(waiting.length, 1));
    socket.write(request.repeat(400));
    await eventually(() => assert.equal(accepted[0]?.isPaused(), true));
    const stopped = server.stop(3_600_000);
    waiting[0]?.end('one');
    await stopped;
    assert.match(answer, /one$/);
    assert.equal(waiting.length, 1);
  }).timeout(60_000);

  it('may get any status and header, of which an invalid one is refused', async () => {
    const finished: boolean[] = [];
    const { port } = await open((_, res) => {
      assert.throws(() => res.setHeader('X-Bad', 'a\r\nX: b'), /X-Bad/);
      res.setHeader('X-Gone', '1').setHeader('X-Kept', '1').setHeader('x-kept', '2');
      res.removeHeader('x-gone');
      assert.deepEqual(
        [res.getHeader('X-KEPT'), res.hasHeader('X-Gone'), res.getHeaderNames()],
        ['2', false, ['x-kept']],
      );
      assert.equal(res.headersSent, false);
      res.writeHead(418, { 'X-More': '3' });
      res.end('tea');
      assert.equal(res.headersSent, true);
      whenClosed(res, () => void finished.push(res.writableFinished));
      res.end('more tea');
    }, true);
    const answer = undated(await say(port, `POST /q HTTP/1.1\r\n${HOST}${body('x')}`));
    assert.deepEqual(finished, [true]);
    assert.equal(
      answer,
      [
        "HTTP/1.1 418 I'm a Teapot",
        'x-kept: 2',
        'X-More: 3',
        'Date:',
        'Connection: keep-alive',
        'Keep-Alive: timeout=70',
        'Content-Length: 3',
        '',
        'tea',
      ].join('\r\n'),
    );
  });

  for (const status of [204, 200]) {
    it(`may have no body: ${status}`, async () => {
      const handler = (_: IncomingMessage, res: ServerResponse): void => {
        res.statusCode = status;
        res.end();
      };
      const request = `POST /q HTTP/1.1\r\n${HOST}${body('x')}`;
      const [answer, expected] = [await open(handler, true), await open(handler, false)];
      assert.equal(undated(await say(answer.port, request)), undated(await say(expected.port, request)));
    });
  }

  it('refuse a response of bytes or in parts, instead of losing it', async () => {
    const errors: unknown[] = [];
    const { port } = await open((_, res) => {
      for (const attempt of [() => res.end(Buffer.from('x')), () => res.write('x')]) {
        try {
          attempt();
        } catch (error) {
          errors.push(error);
        }
      }
      res.end('text');
    }, true);
    assert.match(await say(port, `POST /q HTTP/1.1\r\n${HOST}${body('x')}`), /\r\n\r\ntext$/);
    assert.deepEqual(
      errors.map((error) => error instanceof TypeError),
      [true, true],
    );
  });

  it('are answered if a stop begins before the rest of the body is there', async () => {
    const { server, port } = await open((req, res) => void echo(req, res), true);
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const request = `POST /q HTTP/1.1\r\n${HOST}${body('body')}`;
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk.toString()));
    const closed = once(socket, 'close');
    // The first request shows that the second one is read, too.
    const first = once(socket, 'data');
    socket.write(request);
    await first;
    socket.write(request.slice(0, -2));
    await received(2 * request.length - 2);
    const stopped = server.stop(60_000);
    socket.write(request.slice(-2));
    await Promise.all([stopped, closed]);
    assert.equal(answer.split('"body":"body"').length - 1, 2);
    assert.match(answer, /Connection: close/);
  });

  it('do not run after a stop has ended their connection', async () => {
    let runs = 0;
    const waiting: ServerResponse[] = [];
    const { server, port } = await open((_, res) => {
      runs++;
      waiting.push(res);
    }, true);
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    await once(socket, 'connect');
    const request = `POST /q HTTP/1.1\r\n${HOST}${body('x')}`;
    socket.write(request);
    await eventually(() => assert.equal(runs, 1));
    socket.write(request);
    await received(2 * request.length);
    const stopped = server.stop(60_000);
    waiting[0]?.end('one');
    await once(socket, 'data');
    const ended = once(socket, 'end');
    await ended;
    socket.write(request);
    socket.end();
    await stopped;
    assert.equal(runs, 1);
  });

  it('are closed for good if their client says nothing after a refusal', async () => {
    const { port } = await open((req, res) => void echo(req, res), true, { receiveMs: 50 });
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    await once(socket, 'connect');
    // A write after the end is an error.
    socket.on('error', () => undefined);
    const reset = new Promise((resolve) => socket.once('close', resolve));
    socket.write(`POST /q HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nx`);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    assert.match(answer.toString(), /^HTTP\/1.1 408/);
    // Without a limit it would stay open as long as the client wants.
    const writing = setInterval(() => socket.write('x'), 200);
    await reset;
    clearInterval(writing);
  });
});
