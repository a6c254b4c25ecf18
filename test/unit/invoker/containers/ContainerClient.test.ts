import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { freePort } from '../../../../deploy/local/ports.js';
import { ContainerClient, utf8Prefix } from '../../../../invoker/containers/ContainerClient.js';

const OPTIONS = { timeoutMs: 60_000, maxResponseBytes: 1000, truncationBytes: 10 };

describe('container client', () => {
  const servers: Server[] = [];
  const clients: ContainerClient[] = [];
  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
    for (const server of servers.splice(0)) server.close().closeAllConnections();
  });

  async function listen(listener: RequestListener, port = 0): Promise<number> {
    const server = createServer(listener).listen(port, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  function connect(port: number, diedOfMemory = false): ContainerClient {
    const client = new ContainerClient({
      address: { host: '127.0.0.1', port },
      concurrency: 1,
      token: 'the-token',
      diedOfMemory: async () => diedOfMemory,
    });
    clients.push(client);
    return client;
  }

  it('uses one connection for one request after another', async () => {
    const ports = new Set<number | undefined>();
    const port = await listen((request, response) => {
      ports.add(request.socket.remotePort);
      request.resume().on('end', () => response.setHeader('content-length', 2).end('{}'));
    });
    const client = connect(port);
    for (let i = 0; i < 3; i += 1)
      assert.deepEqual(await client.post('/run', '{}', OPTIONS), { status: 200, body: '{}' });
    assert.equal(ports.size, 1);
    client.disconnect();
    await client.post('/run', '{}', OPTIONS);
    assert.equal(ports.size, 2);
  });

  it('sends the container’s token with each request, and says whether the runtime took it', async () => {
    const sent: unknown[] = [];
    const port = await listen((request, response) => {
      sent.push(request.headers['x-invoker-token']);
      if (request.url === '/init') response.setHeader('x-invoker-token', 'accepted');
      request.resume().on('end', () => response.setHeader('content-length', 2).end('{}'));
    });
    const client = connect(port);
    assert.deepEqual(await client.post('/init', '{}', OPTIONS), { status: 200, body: '{}', tokenAccepted: true });
    assert.deepEqual(await client.post('/run', '{}', OPTIONS), { status: 200, body: '{}' });
    assert.deepEqual(sent, ['the-token', 'the-token']);
  });

  it('asks each run for sentinels on demand, and says whether it wrote nothing', async () => {
    const asked: unknown[] = [];
    const answers = ['none', undefined, 'some', 'none'];
    const port = await listen((request, response) => {
      asked.push(request.headers['x-palette-logs']);
      const logs = answers.shift();
      if (logs !== undefined) response.setHeader('x-palette-logs', logs);
      request.resume().on('end', () => response.setHeader('content-length', 2).end('{}'));
    });
    const client = connect(port);
    const plain = { status: 200, body: '{}' };
    assert.deepEqual(await client.post('/run', '{}', OPTIONS), { ...plain, silent: true });
    for (let i = 0; i < 2; i++) assert.deepEqual(await client.post('/run', '{}', OPTIONS), plain);
    // Its own lines may follow those of the initialization.
    assert.deepEqual(await client.post('/init', '{}', OPTIONS), plain);
    assert.deepEqual(asked, ['on-demand', 'on-demand', 'on-demand', undefined]);
  });

  it('sends a body in pieces, with its length, and from its beginning each time', async () => {
    const pieces = Array.from({ length: 40 }, (_, i) => Buffer.alloc(50_000, i));
    const body = {
      bytes: 2_000_000,
      async *pieces() {
        yield* pieces;
      },
    };
    const port = await freePort();
    const init = connect(port).post('/init', body, OPTIONS);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const received: unknown[] = [];
    await listen((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        received.push(request.headers['content-length'], Buffer.concat(chunks).equals(Buffer.concat(pieces)));
        response.setHeader('content-length', 2).end('{}');
      });
    }, port);
    assert.deepEqual(await init, { status: 200, body: '{}' });
    assert.deepEqual(received, ['2000000', true]);
  });

  it('retries /init until the container listens, and sends /run once', async () => {
    const port = await freePort();
    const client = connect(port);
    await assert.rejects(client.post('/run', '{}', OPTIONS), { name: 'ContainerConnectionError', failure: 'refused' });
    const init = client.post('/init', '{"a":1}', OPTIONS);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await listen((request, response) => {
      request.setEncoding('utf8').on('data', (text: string) => response.setHeader('content-length', 7).end(text));
    }, port);
    assert.deepEqual(await init, { status: 200, body: '{"a":1}' });
  });

  it('gives up if the container does not listen in time', async () => {
    const port = await freePort();
    await assert.rejects(connect(port).post('/init', '{}', { ...OPTIONS, timeoutMs: 60 }), {
      name: 'ContainerTimeoutError',
    });
  });

  it('tells that the connection broke, and why if the reason is known', async () => {
    const port = await listen((request) => request.socket.destroy());
    await assert.rejects(connect(port).post('/init', '{}', OPTIONS), { failure: 'broken' });
    await assert.rejects(connect(port, true).post('/run', '{}', OPTIONS), { failure: 'outOfMemory' });
  });

  it('takes a response without a length, or cut short, for none', async () => {
    const chunked = await listen((_, response) => {
      response.write('{');
      response.end('}');
    });
    await assert.rejects(connect(chunked).post('/run', '{}', OPTIONS), { failure: 'broken' });
    const short = await listen((request, response) => {
      response.setHeader('content-length', 100);
      response.write('{', () => request.socket.destroy());
    });
    await assert.rejects(connect(short).post('/run', '{}', OPTIONS), { failure: 'broken' });
  });

  it('fails running requests when the container is gone', async () => {
    let arrive: (() => void) | undefined;
    const arrived = new Promise<void>((resolve) => (arrive = resolve));
    const port = await listen(() => arrive?.());
    const client = connect(port);
    const run = assert.rejects(client.post('/run', '{}', OPTIONS), { failure: 'broken' });
    await arrived;
    client.close();
    await run;
    await assert.rejects(client.post('/run', '{}', OPTIONS), { failure: 'refused' });
  });

  it('cuts text between characters', () => {
    const bytes = Buffer.from('aé☃');
    assert.deepEqual(
      [0, 1, 2, 3, 4, 5, 6, 9].map((length) => utf8Prefix(bytes, length)),
      ['', 'a', 'a', 'aé', 'aé', 'aé', 'aé☃', 'aé☃'],
    );
  });
});
