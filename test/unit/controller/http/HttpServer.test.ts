import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { eventually } from '../../../e2e/eventually.js';
import { wholeResponses } from '../../../rawHttp.js';
import { HttpServer, originForm } from '../../../../controller/http/HttpServer.js';

describe('HttpServer', () => {
  let server: HttpServer;
  let port: number;
  before(async () => {
    server = new HttpServer((_, res) => res.end('served'));
    ({ port } = await server.listen(0, '127.0.0.1'));
  });
  after(() => server.stop(0));

  /** What the server says to these bytes until it closes the connection. */
  const say = (text: string, at = port): Promise<string> =>
    new Promise((resolve, reject) => {
      let answer = '';
      const socket = connect(at, '127.0.0.1', () => socket.write(text));
      socket.on('data', (chunk) => (answer += chunk.toString()));
      socket.on('close', () => resolve(answer)).on('error', reject);
    });

  for (const [what, request, status] of [
    ['a request without a host', 'GET /ping HTTP/1.1\r\n\r\n', 400],
    ['an expectation that it does not support', 'GET / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n', 417],
    ['a target that is not a URL', 'GET ping HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    ['bytes that are not HTTP', 'tea, please\r\n\r\n', 400],
    ['headers without an end', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(41_000)}`, 431],
    ['a target over 8 KB', `GET /${'x'.repeat(8192)} HTTP/1.1\r\nHost: x\r\n\r\n`, 414],
    ['a target without an end', `GET /${'x'.repeat(41_000)}`, 414],
  ] as const) {
    it(`refuses ${what} as it refuses everything`, async () => {
      const answer = await say(request);
      assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `));
      const body = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))) as {
        error: unknown;
        code: unknown;
      };
      assert.deepEqual(Object.keys(body), ['error', 'code']);
      assert.match(answer, new RegExp(`X-Request-ID: ${String(body.code)}\r\n`));
    });
  }

  for (const [what, request] of [
    ['head', 'GET / HTTP/1.1\r\nHost: x\r\n'],
    ['body', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{'],
  ] as const) {
    it(`refuses a request whose ${what} does not come to an end in time`, async () => {
      const hasty = new HttpServer((req) => void req.resume(), {
        receiveMs: 50,
      });
      const { port: at } = await hasty.listen(0, '127.0.0.1');
      assert.match(await say(request, at), /^HTTP\/1.1 408 [^]*"error":"The request did not arrive in time\."/);
      await hasty.stop(0);
    });
  }

  it('serves a target of 8 KB, and longer ones if told so', async () => {
    const target = `/${'x'.repeat(8191)}`;
    assert.match(await say(`GET ${target} HTTP/1.0\r\n\r\n`), /^HTTP\/1.1 200 OK/);
    const patient = new HttpServer((_, res) => res.end('served'), {
      maxTargetBytes: 100_000,
    });
    const { port: at } = await patient.listen(0, '127.0.0.1');
    assert.match(await say(`GET /${'x'.repeat(99_999)} HTTP/1.0\r\n\r\n`, at), /^HTTP\/1.1 200 OK/);
    await patient.stop(0);
  });

  it('serves HTTP/1.0 without a host', async () => {
    assert.match(await say('GET / HTTP/1.0\r\n\r\n'), /^HTTP\/1.1 200 OK[^]*served$/);
  });
});

describe('HttpServer before it can answer', () => {
  const started = async () => {
    const server = new HttpServer();
    const { port } = await server.listen(0, '127.0.0.1');
    const answer = fetch(`http://127.0.0.1:${port}/`);
    // Requests are taken in order: this one's connection says that the one before it has come.
    await new Promise<void>((resolve) => {
      const probe = connect(port, '127.0.0.1', () => probe.end('tea, please\r\n\r\n'));
      probe.on('data', () => undefined).on('close', () => resolve());
    });
    return { server, answer };
  };

  it('lets requests wait until it can', async () => {
    const { server, answer } = await started();
    server.serve((_, res) => res.end('served'));
    assert.equal(await (await answer).text(), 'served');
    await server.stop(0);
  });

  it('answers them 503 at once if it is stopped', async () => {
    const { server, answer } = await started();
    // Longer than the test may take.
    await server.stop(3_600_000);
    const { status, headers } = await answer;
    assert.deepEqual([status, headers.get('retry-after')], [503, '1']);
  });

  it('answers a client that has closed its half of the connection', async () => {
    const slow = new HttpServer((_, res) => setImmediate(() => setImmediate(() => res.end('late'))));
    const { port: at } = await slow.listen(0, '127.0.0.1');
    const socket = connect(at, '127.0.0.1', () => socket.end('GET / HTTP/1.1\r\nHost: x\r\n\r\n'));
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    assert.match(answer, /^HTTP\/1.1 200 OK[^]*late/);
    await slow.stop(0);
  });

  it('answers a bad request after the requests before it, and nothing after it', async () => {
    const finish: (() => void)[] = [];
    const slow = new HttpServer((req, res) => {
      finish.push(() => res.end(`answer to ${req.url}`));
      if (finish.length === 2) setImmediate(() => finish.toReversed().forEach((run) => run()));
    });
    const { port: at } = await slow.listen(0, '127.0.0.1');
    const good = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
    for (const bad of ['tea, please\r\n\r\n', 'GET /c HTTP/1.1\r\n\r\n', 'GET tea HTTP/1.1\r\nHost: x\r\n\r\n']) {
      finish.length = 0;
      const socket = connect(at, '127.0.0.1', () => socket.write(good('/a') + good('/b') + bad + good('/d')));
      let text = '';
      for await (const chunk of socket) text += String(chunk);
      const order = [...text.matchAll(/answer to \/(\w)|HTTP\/1.1 (400)/g)].map(([, path, status]) => path ?? status);
      assert.deepEqual(order, ['a', 'b', '400'], text);
    }
    await slow.stop(0);
  });

  it('takes an absolute-form target for the path in it, and its host for the Host', async () => {
    const echo = new HttpServer((req, res) => res.end(`<${req.method} ${req.url} ${req.headers.host}>`));
    const { port: at } = await echo.listen(0, '127.0.0.1');
    for (const [target, seen] of [
      ['http://api.example:80/api/v1/x?y=/z', 'GET /api/v1/x?y=/z api.example:80'],
      ['HTTPS://api.example', 'GET / api.example'],
      ['http://me@api.example?q', 'GET /?q api.example'],
      ['http://[::1]:1/a//b', 'GET /a//b [::1]:1'],
    ] as const) {
      const socket = connect(at, '127.0.0.1', () => socket.end(`GET ${target} HTTP/1.1\r\nHost: other\r\n\r\n`));
      let answer = '';
      for await (const chunk of socket) answer += String(chunk);
      assert.ok(answer.includes(`<${seen}>`), answer);
    }
    await echo.stop(0);
  });
});

describe('HttpServer with connections of another listener', () => {
  let door: Server;
  let port: number;
  let server: HttpServer;

  beforeEach(async () => {
    door = createServer((socket) => server.adopt(socket)).listen(0, '127.0.0.1');
    await once(door, 'listening');
    ({ port } = door.address() as AddressInfo);
  });
  afterEach(async () => {
    door.close();
    await server.stop(0);
  });

  const say = async (text: string): Promise<string> => {
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk.toString()));
    socket.write(text);
    await once(socket, 'close');
    return answer;
  };

  it('answers requests that came before its stop, and closes then', async () => {
    let answer = (): void => {};
    const came = new Promise<void>((resolve) => {
      server = new HttpServer((_, res) => {
        answer = () => void res.end('served');
        resolve();
      });
    });
    const said = say('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await came;
    let stopped = false;
    const stopping = server.stop(10_000).then(() => (stopped = true));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(stopped, false);
    answer();
    assert.match(await said, /^HTTP\/1.1 200 OK[^]*served/);
    await stopping;
  });

  it('runs no request after the one that it answers last', async () => {
    const waiting: ServerResponse[] = [];
    server = new HttpServer((_, res) => waiting.push(res));
    const request = (target: string): string => `GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`;
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk.toString()));
    const closed = once(socket, 'close');
    socket.write(request('/1'));
    await eventually(() => assert.equal(waiting.length, 1));
    const stopped = server.stop(3_600_000);
    socket.write(request('/2') + request('/3'));
    await eventually(() => assert.ok(waiting.length >= 2));
    for (const res of waiting) res.end('served');
    await Promise.all([stopped, closed]);
    assert.equal(wholeResponses(answer), 2);
    assert.equal(waiting.length, 2);
  }).timeout(60_000);

  it('refuses a request that does not come to an end in time', async () => {
    server = new HttpServer(undefined, { receiveMs: 50 });
    assert.match(await say('GET / HTTP/1.1\r\nHost: x\r\n'), /^HTTP\/1.1 408 /);
  });

  it('closes connections beyond the most that it may have', async () => {
    server = new HttpServer((_, res) => res.end('served'), {
      maxConnections: 1,
    });
    const first = connect(port, '127.0.0.1');
    first.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(first, 'data');
    const second = connect(port, '127.0.0.1');
    second.on('error', () => undefined);
    await once(second, 'close');
    first.destroy();
  });
});

describe('originForm', () => {
  it('keeps paths and the asterisk', () => {
    assert.deepEqual(originForm('/a?b', 'GET'), { path: '/a?b' });
    assert.deepEqual(originForm('*', 'OPTIONS'), { path: '*' });
    assert.deepEqual(originForm('http://x', 'OPTIONS'), {
      path: '*',
      host: 'x',
    });
  });

  it('refuses an invalid target', () => {
    for (const target of ['', 'ping', 'http://', 'http://a b/', 'http://x:y/']) {
      assert.equal(originForm(target, 'GET'), undefined, target);
    }
  });
});
