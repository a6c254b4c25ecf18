import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestListener,
  type Server,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { mock } from 'node:test';
import { ObjectMemory } from '../../../../../invoker/objects/memory/ObjectMemory.js';
import { ReadCopies } from '../../../../../invoker/objects/memory/ReadCopies.js';
import { sendError } from '../../../../../invoker/objects/server/respond.js';
import { CopiesOfReader } from '../../../../../invoker/objects/sharing/CopiesOfReader.js';
import { forward } from '../../../../../invoker/objects/sharing/forward.js';
import { PeerClient } from '../../../../../invoker/objects/sharing/PeerClient.js';
import { MOVED_HEADER, movedHeader } from '../../../../../shared/objects/moved.js';
import { ObjectError } from '../../../../../shared/objects/ObjectError.js';

const MB = 1024 * 1024;
const NAMESPACE = { uuid: 'u', name: 'guest', limitBytes: undefined };
/** The most reads of a namespace at a time. */
const TURNS = 64;

const patternOf = (bytes: number): Buffer => Buffer.from(Uint8Array.from({ length: bytes }, (_, i) => i % 251));

/** Notes the limits of its requests. */
class NotingPeers extends PeerClient {
  readonly limits: (number | undefined)[] = [];

  override send(...asked: Parameters<PeerClient['send']>): ReturnType<PeerClient['send']> {
    this.limits.push(asked[1].timeoutMs);
    return super.send(...asked);
  }

  override read(...asked: Parameters<PeerClient['read']>): ReturnType<PeerClient['read']> {
    this.limits.push(asked[1].timeoutMs);
    return super.read(...asked);
  }
}

describe('a read whose home is another invoker', () => {
  let servers: Server[];
  let peers: NotingPeers;
  let copies: CopiesOfReader;
  let callers: IncomingMessage[];
  /** Called with each response of the reader. */
  let onRequest: (response: Parameters<RequestListener>[1]) => void;
  /** Called with the path of a request whose response has ended, or whose caller has left. */
  let closed: (path: string) => void;
  beforeEach(() => {
    servers = [];
    callers = [];
    closed = () => undefined;
    onRequest = () => undefined;
    peers = new NotingPeers('a secret of the cluster', 'invoker0');
    copies = new CopiesOfReader(new ObjectMemory({ epoch: 'e', boundBytes: 256 * MB }), new ReadCopies());
  });
  afterEach(async () => {
    await peers.close();
    for (const caller of callers) caller.destroy();
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
  });

  async function listen(listener: RequestListener): Promise<string> {
    const server = createServer(listener);
    servers.push(server);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** An invoker that forwards all reads to a home. @returns its URL. */
  function reader(home: string): Promise<string> {
    return listen((request, response) => {
      const homes = [{ instance: 1, url: home }] as const;
      const path = request.url ?? '';
      onRequest(response);
      response.once('close', () => closed(path));
      const call = { request, response, namespace: NAMESPACE, color: 'red', policy: undefined, path, homes };
      forward(peers, call, copies).catch((error: unknown) => {
        assert.ok(error instanceof ObjectError);
        sendError(request, response, error);
      });
    });
  }

  async function get(url: string, path = '/red/k', method = 'GET'): Promise<IncomingMessage> {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      httpRequest(`${url}${path}`, { agent: false, method }, resolve).once('error', reject).end();
    });
    callers.push(response);
    response.on('error', () => undefined);
    return response;
  }

  async function bodyOf(response: IncomingMessage): Promise<Buffer> {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    await once(response, 'end');
    return Buffer.concat(chunks);
  }

  for (const bytes of [0, 1, 64 * 1024, 128 * 1024, 128 * 1024 + 1, 5 * MB]) {
    it(`gets the ${bytes} bytes of an object, with and without a copy, over one connection`, async () => {
      const object = patternOf(bytes);
      const sockets = new Set<unknown>();
      const seen: (string | undefined)[] = [];
      const home = await listen(({ headers, socket }, response) => {
        sockets.add(socket);
        seen.push(headers['if-none-match']);
        if (headers['if-none-match'] === '"t"') response.writeHead(304, { etag: '"t"' }).end();
        else response.writeHead(200, { 'content-length': bytes, 'content-type': 'a/b', etag: '"t"' }).end(object);
      });
      const url = await reader(home);
      for (const path of ['/red/k', '/red/k', '/red/k?not=copied']) {
        const response = await get(url, path);
        assert.equal(response.statusCode, 200);
        assert.equal(response.headers['content-type'], 'a/b');
        assert.equal(response.headers.etag, '"t"');
        assert.deepEqual(await bodyOf(response), object);
      }
      const hasCopy = bytes >= 32 * 1024;
      assert.deepEqual(seen, [undefined, hasCopy ? '"t"' : undefined, undefined]);
      assert.equal(copies.validated, hasCopy ? 1 : 0);
      assert.equal(sockets.size, 1);
    });
  }

  it('does not fetch more than a slow caller takes', async () => {
    const bytes = 64 * MB;
    const home = await listen((_request, response) => {
      response.writeHead(200, { 'content-length': bytes }).end(Buffer.alloc(bytes));
    });
    let waiting = 0;
    onRequest = (response) => {
      const write = response.write.bind(response);
      response.write = (chunk: Buffer) => {
        const goesOn = write(chunk);
        waiting = Math.max(waiting, response.writableLength);
        return goesOn;
      };
    };
    const response = await get(await reader(home), '/red/k?not=copied');
    // In these turns of the event loop, all bytes could come.
    for (let turn = 0; turn < 1000; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(waiting > 0 && waiting < MB, `${waiting} bytes waited for the caller`);
    assert.equal((await bodyOf(response)).length, bytes);
    assert.ok(waiting < MB, `${waiting} bytes waited for the caller`);
  });

  it('closes the connection when its caller leaves', async () => {
    let left = (): void => undefined;
    const leaves = new Promise<void>((resolve) => (left = resolve));
    const home = await listen((_request, response) => {
      response.once('close', left).writeHead(200, { 'content-length': 5 * MB });
      response.write(Buffer.alloc(MB));
    });
    const response = await get(await reader(home));
    response.destroy();
    await leaves;
  });

  it('does not look complete if the home breaks off', async () => {
    const home = await listen((_request, response) => {
      response.writeHead(200, { 'content-length': 5 * MB });
      response.write(Buffer.alloc(MB), () => response.destroy());
    });
    const response = await get(await reader(home));
    response.resume();
    await new Promise((resolve) => response.once('close', resolve));
    assert.equal(response.complete, false);
  });

  it('is answered with 503 if nothing listens, or if the response has no length', async () => {
    const refused = await listen(() => undefined);
    servers[0]?.close();
    const endless = await listen((_request, response) => void response.writeHead(200).write('x'));
    for (const home of [refused, endless]) {
      const response = await get(await reader(home));
      assert.equal(response.statusCode, 503);
      assert.match((await bodyOf(response)).toString(), /invoker1, does not answer/);
    }
  });

  it('follows a home that has moved once', async () => {
    const asked: string[] = [];
    const moves = (to: () => string) => (request: IncomingMessage, response: Parameters<RequestListener>[1]) => {
      asked.push(request.url ?? '');
      response.writeHead(421, { [MOVED_HEADER]: movedHeader({ instance: 2, url: to() }), 'content-length': 0 }).end();
    };
    const last = await listen((_request, response) => void response.writeHead(200, { 'content-length': 2 }).end('ok'));
    const middle = await listen(moves(() => last));
    assert.equal((await bodyOf(await get(await reader(middle)))).toString(), 'ok');
    const first = await listen(moves(() => middle));
    const response = await get(await reader(first));
    assert.equal(response.statusCode, 503);
    assert.match((await bodyOf(response)).toString(), /home of the color is changing/);
    assert.equal(asked.length, 3);
  });

  for (const method of ['GET', 'HEAD']) {
    it(`follows a home that has moved within what is left of its limit (${method})`, async () => {
      const real = performance.now.bind(performance);
      let passedMs = 0;
      mock.method(performance, 'now', () => real() + passedMs);
      try {
        const last = await listen((_request, response) => void response.writeHead(200, { 'content-length': 0 }).end());
        const first = await listen((_request, response) => {
          passedMs = 5000;
          response
            .writeHead(421, { [MOVED_HEADER]: movedHeader({ instance: 2, url: last }), 'content-length': 0 })
            .end();
        });
        assert.equal((await get(await reader(first), '/red/k', method)).statusCode, 200);
        const [whole = 0, rest = 0] = peers.limits;
        assert.ok(whole > 7000 && whole <= 8000 && rest <= whole - 5000, `${whole} ms, then ${rest} ms`);
      } finally {
        mock.restoreAll();
      }
    });
  }

  it('waits for a turn of its namespace, and gives it up when its caller leaves', async () => {
    const open: Parameters<RequestListener>[1][] = [];
    let arrived = (): void => undefined;
    const home = await listen((_request, response) => {
      open.push(response.writeHead(200, { 'content-length': 2 }));
      response.write('o');
      arrived();
    });
    const url = await reader(home);
    const all = new Promise<void>((resolve) => {
      arrived = () => {
        if (open.length === TURNS) resolve();
      };
    });
    const first = Promise.all(Array.from({ length: TURNS }, (_, i) => get(url, `/red/${i}`)));
    await all;
    const gone = httpRequest(`${url}/red/gone`, { agent: false }).end();
    gone.on('error', () => undefined);
    const left = new Promise<void>((resolve) => {
      closed = (path) => {
        if (path === '/red/gone') resolve();
      };
    });
    // The request has to be there before its caller leaves.
    await once(servers[1] ?? gone, 'request');
    gone.destroy();
    await left;
    const next = get(url, '/red/next');
    const more = new Promise<void>((resolve) => (arrived = resolve));
    for (const response of open) response.end('k');
    await more;
    open.at(-1)?.end('k');
    const served = [...(await first), await next];
    for (const response of served) assert.equal((await bodyOf(response)).toString(), 'ok');
  });
});
