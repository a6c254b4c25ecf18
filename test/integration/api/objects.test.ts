import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import {
  Agent,
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { ObjectPeers, type ObjectPeersParts } from '../../../controller/objects/ObjectPeers.js';
import type { MessageHome } from '../../../shared/objects/messageObjects.js';
import type { UserLimits } from '../../../shared/entities/identity.js';
import { invokerInstance } from '../../../shared/messages/instances.js';
import { INVOKERS_PATH, invokersReplySchema, type InvokersReply } from '../../../shared/objects/invokersReply.js';
import { HOMES_PATH, homesQuery, homesReplySchema } from '../../../shared/objects/homesReply.js';
import { MOVED_HEADER, movedHeader } from '../../../shared/objects/moved.js';
import { PEER_HEADER, signPeer, verifyPeer, type PeerClaims } from '../../../shared/objects/peerHeader.js';
import { WELL_KNOWN_USERS } from '../../../deploy/standalone/users.js';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { eventually } from '../../e2e/eventually.js';
import { TestController } from './testController.js';

const SECRET = 'a secret of the cluster';
const MB = 1024 * 1024;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

type Answer = (req: IncomingMessage, res: ServerResponse, claims: PeerClaims) => void;

/** A home that checks signatures and notes requests. */
async function startHome(
  instance: number,
): Promise<{ home: MessageHome; requests: string[]; answer: (next: Answer) => void; server: Server }> {
  const requests: string[] = [];
  let answer: Answer = (_req, res) => res.end();
  const server = createServer((req, res) => {
    const path = req.url ?? '';
    const claims = verifyPeer(SECRET, { method: req.method ?? '', path }, String(req.headers[PEER_HEADER]), Date.now());
    if (!claims) {
      res.writeHead(403).end();
      return;
    }
    requests.push(`${claims.operation} ${claims.namespace?.name} ${req.method} ${path}`);
    answer(req, res, claims);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { home: { instance, url: `http://127.0.0.1:${port}` }, requests, answer: (next) => (answer = next), server };
}

describe('objects from outside', () => {
  let homes: readonly MessageHome[] = [];
  let allInvokers: InvokersReply | undefined;
  /** The limits of the namespace. */
  let ownLimits: UserLimits = {};
  const asked: (string | undefined)[][] = [];
  /** Paths of requests that have ended. */
  const reported: string[] = [];
  let first: Awaited<ReturnType<typeof startHome>>;
  let second: Awaited<ReturnType<typeof startHome>>;
  let parts: ObjectPeersParts;
  let peers: ObjectPeers;
  let controller: TestController;

  before(async () => {
    [first, second] = await Promise.all([startHome(0), startHome(1)]);
    parts = {
      secret: SECRET,
      self: 'controller0',
      validMs: 8000,
      homes: ({ namespace }, { value, callerPolicy }) => {
        asked.push([namespace.name, value, callerPolicy]);
        return { policy: 'consistent-hashing', homes, away: [] };
      },
      invokers: () =>
        [first, second].map(({ home: { instance, url } }) => ({
          instance: invokerInstance(instance, String(instance), 256),
          status: 'up',
          objectsUrl: url,
        })),
      allInvokers: () => allInvokers,
      namespaces: {
        identityByNamespace: async (name) =>
          name === 'guest'
            ? { subject: name, namespace: { name, uuid: 'u' }, authkey: {}, rights: [], limits: ownLimits }
            : undefined,
      },
      now: Date.now,
    };
    peers = new ObjectPeers(parts);
    controller = await TestController.start({ objects: peers, onRequest: ({ path }) => void reported.push(path) });
  });
  beforeEach(() => {
    homes = [first.home, second.home];
    for (const { requests } of [first, second]) requests.splice(0);
    asked.splice(0);
  });
  after(async () => {
    await controller.close();
    await peers.close();
    for (const { server } of [first, second]) {
      server.close();
      server.closeAllConnections();
    }
  });

  const auth = `Basic ${Buffer.from(WELL_KNOWN_USERS.guest).toString('base64')}`;
  const call = (method: string, path: string, options: { headers?: Record<string, string>; body?: string } = {}) =>
    fetch(`${controller.base}/api/v1/namespaces/${path}`, {
      method,
      ...options,
      headers: { authorization: auth, ...options.headers },
    });

  it('go to the home of their color as they are written, with the namespace of the key and the conditions', async () => {
    first.answer((req, res) => {
      res.writeHead(201, { etag: '"1"', 'x-secret': 'hidden', 'content-type': 'image/png' });
      res.end(
        `${req.headers['if-none-match']} ${req.headers['x-palette-ttl']?.toString()} ${req.headers.authorization}`,
      );
    });
    const response = await call('PUT', '_/objects/a%2Fb/k%C3%A9y/with/slashes?x=%20', {
      headers: {
        'If-None-Match': '*',
        'X-Palette-TTL': '10',
        'X-OpenWhisk-Color-Policy': 'bucket-hashing',
        Accept: 'image/png',
      },
      body: 'bytes',
    });
    assert.equal(response.status, 201);
    assert.equal(response.headers.get('etag'), '"1"');
    assert.equal(response.headers.get('content-type'), 'image/png');
    assert.equal(response.headers.get('x-secret'), null);
    const exposed = response.headers.get('access-control-expose-headers')?.split(', ') ?? [];
    assert.ok(
      ['ETag', 'X-Palette-Persistence'].every((header) => exposed.includes(header)),
      exposed.join(),
    );
    assert.equal(await response.text(), '* 10 undefined');
    assert.deepEqual(first.requests, ['request guest PUT /a%2Fb/k%C3%A9y/with/slashes?x=%20']);
    assert.deepEqual(asked, [['guest', 'a/b', 'bucket-hashing']]);
  });

  it('let Node.js warn of nothing, also if requests are reported and counted', async () => {
    first.answer((_req, res) => res.end('bytes'));
    const warnings: string[] = [];
    const note = ({ message }: Error): number => warnings.push(message);
    process.on('warning', note);
    try {
      const before = reported.length;
      assert.equal(await (await call('PUT', '_/objects/red/k', { body: 'bytes' })).text(), 'bytes');
      assert.equal(await (await call('GET', '_/objects/red/k')).text(), 'bytes');
      await eventually(() => assert.equal(reported.length, before + 2));
    } finally {
      process.off('warning', note);
    }
    assert.deepEqual(warnings, []);
  });

  it('take HEAD, lists, and statuses without a body', async () => {
    first.answer((_req, res) => res.writeHead(304, { etag: '"2"' }).end());
    for (const method of ['GET', 'HEAD']) assert.equal((await call(method, '_/objects/red/k')).status, 304);
    await call('GET', '_/objects/red?prefix=a');
    assert.equal(first.requests.at(-1), 'request guest GET /red?prefix=a');
  });

  it('tell browsers which headers they may send and read', async () => {
    const allowed = async (path: string): Promise<(string | null)[]> => {
      const { headers } = await fetch(`${controller.base}/api/v1/namespaces/${path}`, { method: 'OPTIONS' });
      return ['access-control-allow-headers', 'access-control-expose-headers'].map((name) => headers.get(name));
    };
    for (const path of ['_/objects/red/k', '_/objects/red']) {
      const [request, response] = await allowed(path);
      assert.match(
        request ?? '',
        /^Authorization, .*, If-Match, If-None-Match, .*X-Palette-Persistence, X-Palette-TTL$/,
      );
      assert.match(response ?? '', /^ETag, /);
    }
    // Those of OpenWhisk stay as they are.
    const plain = 'Authorization, Origin, X-Requested-With, Content-Type, Accept, User-Agent';
    assert.deepEqual(await allowed('_/actions/objects'), [plain, null]);
  });

  it('are refused without a key, in the namespace of others, and by methods that they do not have', async () => {
    assert.equal((await fetch(`${controller.base}/api/v1/namespaces/_/objects/red/k`)).status, 401);
    assert.equal((await call('GET', 'whisk.system/objects/red/k')).status, 403);
    assert.equal((await call('GET', 'whisk.system/objects/red')).status, 403);
    assert.equal((await call('PATCH', '_/objects/red/k')).status, 404);
    const options = await fetch(`${controller.base}/api/v1/namespaces/_/objects/red/k`, { method: 'OPTIONS' });
    assert.equal(options.status, 200);
    assert.equal(options.headers.get('access-control-allow-origin'), '*');
    assert.deepEqual(first.requests, []);
  });

  it('follow a home that has moved once; a body that may have been read in part is not sent again', async () => {
    const moved: Answer = (_req, res) => void res.writeHead(421, { [MOVED_HEADER]: movedHeader(second.home) }).end();
    first.answer(moved);
    second.answer((_req, res) => res.end('here'));
    assert.equal(await (await call('GET', '_/objects/red/k')).text(), 'here');
    const put = await call('PUT', '_/objects/red/k', { body: 'x' });
    assert.equal(put.status, 503);
    assert.equal(put.headers.get('retry-after'), '1');
    second.answer((_req, res) => void res.writeHead(421, { [MOVED_HEADER]: movedHeader(first.home) }).end());
    assert.equal((await call('GET', '_/objects/red/k')).status, 503);
    assert.equal(second.requests.length, 2);
  });

  it('respond 503 with Retry-After while their home is away or does not exist', async () => {
    homes = [{ instance: 7, url: 'http://127.0.0.1:9' }];
    const away = await call('GET', '_/objects/red/k');
    assert.equal(away.status, 503);
    assert.equal(away.headers.get('retry-after'), '1');
    assert.match(((await away.json()) as { error: string }).error, /invoker7, does not answer/);
    homes = [];
    assert.equal((await call('GET', '_/objects/red/k')).status, 503);
  });

  it('do not wait behind those that wait for a change', async () => {
    const waiting: ServerResponse[] = [];
    const count = 300;
    let full: () => void = () => undefined;
    const all = new Promise<void>((resolve) => (full = resolve));
    first.answer((req, res) => {
      if (!String(req.url).includes('?wait=')) {
        res.end('at once');
        return;
      }
      if (waiting.push(res) === count) full();
    });
    const waits = Array.from({ length: count }, () => call('GET', '_/objects/red/k?wait=60s'));
    await all;
    assert.equal(await (await call('GET', '_/objects/red/other')).text(), 'at once');
    for (const res of waiting) res.writeHead(404, { 'content-length': 0 }).end();
    for (const response of await Promise.all(waits)) assert.equal(response.status, 404);
  });

  it('do not wait behind other namespaces whose responses are read slowly', async () => {
    const most = 64;
    const open: ServerResponse[] = [];
    first.answer((_req, res, { namespace }) => {
      if (namespace?.name === 'guest') res.writeHead(200, { 'content-length': 2 }).write('o');
      else res.end('at once');
      open.push(res);
    });
    const slow = await Promise.all(Array.from({ length: most }, () => call('GET', '_/objects/red/k')));
    const next = call('GET', '_/objects/red/k');
    const other = { authorization: `Basic ${Buffer.from(WELL_KNOWN_USERS['whisk.system']).toString('base64')}` };
    assert.equal(await (await call('GET', '_/objects/red/k', { headers: other })).text(), 'at once');
    assert.equal(first.requests.length, most + 1);
    // The next one of the namespace comes when one of its others has ended.
    open[0]?.end('k');
    const { status, body } = await next;
    assert.equal(status, 200);
    for (const res of open.slice(1)) if (!res.writableEnded) res.end('k');
    await body?.cancel();
    for (const response of slow) assert.equal(await response.text(), 'ok');
  });

  it('do not go to their home if their client has disconnected before', async () => {
    const { entitlement } = controller.ctx;
    const check = entitlement.check.bind(entitlement);
    const send = peers.send.bind(peers);
    let proceed: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (proceed = resolve));
    entitlement.check = async (...asked) => {
      await held;
      await check(...asked);
    };
    const begun = new Promise<ServerResponse>((resolve) => {
      const note = (message: unknown): void => {
        const { request, response } = message as { request: IncomingMessage; response: ServerResponse };
        if (request.url?.endsWith('/objects/red/gone') !== true) return;
        unsubscribe('http.server.request.start', note);
        resolve(response);
      };
      subscribe('http.server.request.start', note);
    });
    const put = httpRequest(`${controller.base}/api/v1/namespaces/_/objects/red/gone`, {
      method: 'PUT',
      headers: { authorization: auth, 'content-length': MB },
    }).on('error', () => undefined);
    try {
      put.write('the first bytes');
      const response = await begun;
      put.destroy();
      if (!response.closed) await once(response, 'close');
      const sent = new Promise<{ aborted: boolean | undefined; outcome: Promise<unknown> }>((resolve) => {
        peers.send = (url, request) => {
          const aborted = request.signal?.aborted;
          const sending = send(url, request);
          resolve({ aborted, outcome: sending });
          return sending;
        };
      });
      proceed();
      const { aborted, outcome } = await sent;
      assert.equal(aborted, true);
      await assert.rejects(outcome, { name: 'AbortError' });
      assert.deepEqual(first.requests, []);
    } finally {
      peers.send = send;
      entitlement.check = check;
      proceed();
      put.destroy();
    }
  });

  it('take only GET at the path of a color', async () => {
    for (const method of ['PUT', 'POST', 'DELETE', 'HEAD']) {
      const refused = await call(method, '_/objects/red', method === 'PUT' ? { body: 'x' } : {});
      assert.deepEqual([refused.status, refused.headers.get('allow')], [405, 'GET'], method);
    }
  });

  it('respond 502 to a change whose home breaks off, since the object may have changed', async () => {
    first.answer((req) => req.socket.destroy());
    for (const [method, path] of [
      ['PUT', 'red/k'],
      ['POST', 'red/k?increment'],
      ['DELETE', 'red/k'],
    ] as const) {
      const broken = await call(method, `_/objects/${path}`, method === 'PUT' ? { body: 'x' } : {});
      assert.equal(broken.status, 502, method);
      assert.equal(broken.headers.get('retry-after'), null);
      assert.match(((await broken.json()) as { error: string }).error, /invoker0, does not respond: the object may/);
    }
    const read = await call('GET', '_/objects/red/k');
    assert.deepEqual([read.status, read.headers.get('retry-after')], [503, '1']);
  });

  it('respond 502 to a change whose home is frozen, and 503 to a read', async () => {
    // As a frozen process: its machine takes connections and requests.
    first.answer(() => undefined);
    const send = peers.send.bind(peers);
    const limits = new Set<number>();
    peers.send = (url, request) => {
      limits.add(request.timeoutMs);
      return send(url, { ...request, timeoutMs: 100 });
    };
    try {
      for (const method of ['PUT', 'DELETE']) {
        const changed = await call(method, '_/objects/red/k', method === 'PUT' ? { body: 'x' } : {});
        assert.equal(changed.status, 502, method);
        assert.match(((await changed.json()) as { error: string }).error, /invoker0, does not respond: the object may/);
      }
      for (const path of ['red/k', 'red']) {
        const read = await call('GET', `_/objects/${path}`);
        assert.deepEqual([read.status, read.headers.get('retry-after')], [503, '1']);
      }
      assert.deepEqual([...limits], [60_000]);
      assert.equal((await call('GET', '_/objects/red/k?wait=300s')).status, 503);
      assert.deepEqual([...limits], [60_000, 310_000]);
    } finally {
      peers.send = send;
    }
  });

  it('do not look complete if their home freezes while it sends them', async () => {
    first.answer((_req, res) => void res.writeHead(200, { 'content-length': 2 }).write('o'));
    const impatient = new ObjectPeers({ ...parts, bodyIdleMs: 300 });
    const send = peers.send.bind(peers);
    peers.send = (url, request) => impatient.send(url, request);
    try {
      const read = await call('GET', '_/objects/red/k');
      assert.equal(read.status, 200);
      await assert.rejects(read.text());
    } finally {
      peers.send = send;
      await impatient.close();
    }
  });

  it('that could not be sent to their home, or were refused by it, leave the connection to the next request', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const connections = new Set<Socket>();
    const put = (bytes: number): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const options = { method: 'PUT', agent, headers: { authorization: auth, 'content-length': bytes } };
        httpRequest(`${controller.base}/api/v1/namespaces/_/objects/red/k`, options, (response) =>
          response.once('end', () => resolve(response.statusCode)).resume(),
        )
          .once('socket', (socket) => connections.add(socket))
          .once('error', reject)
          .end(Buffer.alloc(bytes));
      });
    try {
      homes = [{ instance: 7, url: 'http://127.0.0.1:9' }];
      // More than a server buffers of a body that nobody reads.
      assert.equal(await put(MB), 503);
      homes = [first.home];
      first.answer((_req, res) => res.writeHead(413, { 'content-length': 0 }).end());
      // More than the connections hold, so that the response comes before the end of the body.
      assert.equal(await put(32 * MB), 413);
      first.answer((req, res) => req.once('end', () => res.end()).resume());
      assert.equal(await put(MB), 200);
      assert.equal(connections.size, 1);
    } finally {
      agent.destroy();
    }
  });

  it('of 64 MB pass in both directions while the controller keeps little of them', async () => {
    let received = 0;
    first.answer((req, res) => {
      if (req.method === 'GET') {
        res.writeHead(200, { 'content-length': 64 * MB });
        const piece = Buffer.alloc(MB);
        const send = (left: number): void => {
          if (left === 0) res.end();
          else res.write(piece, () => send(left - 1));
        };
        send(64);
        return;
      }
      req.on('data', (chunk: Buffer) => (received += chunk.length));
      req.on('end', () => res.end());
    });
    const piece = Buffer.alloc(MB);
    collectGarbage();
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    const note = (): void => {
      collectGarbage();
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    };
    const put = httpRequest(`${controller.base}/api/v1/namespaces/_/objects/red/k`, {
      method: 'PUT',
      headers: { authorization: auth, 'content-length': 64 * MB },
    });
    const answered = once(put, 'response');
    for (let i = 0; i < 64; i++) {
      if (!put.write(piece)) await once(put, 'drain');
      if (i % 8 === 7) note();
    }
    put.end();
    const [response] = (await answered) as [IncomingMessage];
    response.resume();
    assert.equal(response.statusCode, 200);
    assert.equal(received, 64 * MB);
    let read = 0;
    const got = await call('GET', '_/objects/red/k');
    for await (const chunk of got.body ?? []) {
      const before = read;
      read += (chunk as Uint8Array).length;
      if (Math.floor(before / MB / 8) < Math.floor(read / MB / 8)) note();
    }
    assert.equal(read, 64 * MB);
    assert.ok(most < 32 * MB, `${most / MB} MB were held`);
  });

  const claims = { operation: 'request', from: 'invoker0', namespace: undefined } as const;
  const sign = (to: string, secret = SECRET): string =>
    signPeer(secret, { method: 'GET', path: to }, claims, Date.now());

  it('have homes that invokers may ask for with the secret only', async () => {
    const path = `${HOMES_PATH}?${homesQuery('guest', 'a b', 'least-assigned')}`;
    const ask = (header?: string, to = path) =>
      fetch(`${controller.base}${to}`, { headers: header === undefined ? {} : { [PEER_HEADER]: header } });
    const reply = homesReplySchema.parse(await (await ask(sign(path))).json());
    assert.deepEqual(reply, { policy: 'consistent-hashing', homes, away: [], validMs: 8000, limitBytes: null });
    ownLimits = { objectsMemory: '2 MB' };
    const limited = homesReplySchema.parse(await (await ask(sign(path))).json());
    ownLimits = {};
    assert.equal(limited.limitBytes, 2 * MB);
    assert.deepEqual(asked.at(-1), ['guest', 'a b', 'least-assigned']);
    assert.equal((await ask()).status, 403);
    assert.equal((await ask(sign(path, 'another secret of it'))).status, 403);
    assert.equal((await ask(sign(`${path}x`))).status, 403);
    const unknown = `${HOMES_PATH}?${homesQuery('nobody', 'red', undefined)}`;
    assert.equal((await ask(sign(unknown), unknown)).status, 404);
    assert.equal((await ask(sign(HOMES_PATH), HOMES_PATH)).status, 400);
  });

  it('may be at invokers all of which an invoker may ask for with the secret, unless the controller does not know all', async () => {
    const ask = (header: string) => fetch(`${controller.base}${INVOKERS_PATH}`, { headers: { [PEER_HEADER]: header } });
    const url = 'http://host3:1';
    allInvokers = { up: [first.home], away: [{ instance: 3, url, silentMs: 12_000 }] };
    const reply = await ask(sign(INVOKERS_PATH));
    assert.deepEqual(invokersReplySchema.parse(await reply.json()), allInvokers);
    assert.equal((await ask(sign(INVOKERS_PATH, 'another secret of it'))).status, 403);
    assert.equal((await fetch(`${controller.base}${INVOKERS_PATH}`)).status, 403);
    allInvokers = undefined;
    const refusal = await ask(sign(INVOKERS_PATH));
    assert.equal(refusal.status, 503);
    assert.match(await refusal.text(), /does not know all invokers: .* less than 10 minutes, or .* more than 1000/);
  });

  it('are shown to operators by invoker, also if one of them does not answer', async () => {
    first.answer((_req, res) => res.end(JSON.stringify({ bytes: 5 })));
    second.answer((_req, res) => res.writeHead(500).end());
    const figures = await (await fetch(`${controller.base}/palette/objects`)).json();
    assert.deepEqual(figures, [
      { invoker: 0, bytes: 5 },
      { invoker: 1, error: 'The invoker responded with status 500.' },
    ]);
    assert.deepEqual(first.requests, ['stats undefined GET /']);
  });
});
