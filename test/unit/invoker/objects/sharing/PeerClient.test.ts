import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { PeerClient, PeerError } from '../../../../../invoker/objects/sharing/PeerClient.js';
import type { Peer } from '../../../../../shared/objects/Locate.js';
import { refused } from '../memory/memories.js';

const HOUR_MS = 3_600_000;
const namespace = (uuid: string) => ({ uuid, name: uuid, limitBytes: undefined });
const INTERNAL = { operation: 'handover', method: 'POST', namespace: namespace('u') } as const;

describe('requests to another invoker', () => {
  let server: Server;
  let peer: Peer;
  let peers: PeerClient;
  /** Requests without a response yet, by path. */
  let open: Map<string, ServerResponse>;
  let arrived: (path: string) => void;

  beforeEach(async () => {
    open = new Map();
    arrived = () => undefined;
    server = createServer(({ url = '' }: IncomingMessage, response) => {
      if (url === '/answered') {
        response.end('{}');
        return;
      }
      open.set(url, response);
      arrived(url);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    peer = { instance: 1, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
  });
  afterEach(async () => {
    await peers.close();
    server.close().closeAllConnections();
  });

  /** Begins to send an object that its caller sends slowly. */
  function upload(path: string, uuid: string): Promise<number> {
    const body = new PassThrough();
    body.on('error', () => undefined).write('x');
    const headers = { 'content-length': '1000' };
    const asked = { operation: 'request', method: 'PUT', path, namespace: namespace(uuid), headers, body } as const;
    return peers.send(peer, { ...asked, timeoutMs: HOUR_MS }).then(async (response) => {
      await response.body.dump();
      return response.statusCode;
    });
  }
  const reaches = (count: number): Promise<void> =>
    new Promise((resolve) => {
      arrived = () => {
        if (open.size === count) resolve();
      };
    });

  it('of the invoker itself do not wait for callers who send slowly', async () => {
    peers = new PeerClient('a secret', 'invoker0');
    const all = reaches(256);
    const uploads = Array.from({ length: 256 }, (_, i) => upload(`/${i}`, `namespace ${i % 4}`).catch(() => 0));
    await all;
    assert.deepEqual(await peers.ask(peer, { ...INTERNAL, path: '/answered', timeoutMs: 60_000 }), {});
    const taken = await peers.send(peer, { ...INTERNAL, operation: 'take', path: '/answered', timeoutMs: 60_000 });
    assert.equal(taken.statusCode, 200);
    await taken.body.dump();
    assert.equal(open.size, 256);
    for (const response of open.values()) response.destroy();
    await Promise.all(uploads);
  });

  it('of the invoker itself end at their limit while they wait for a connection', async () => {
    peers = new PeerClient('a secret', 'invoker0', undefined, { connections: 1 });
    const first = reaches(1);
    const longer = peers.ask(peer, { ...INTERNAL, path: '/longer', timeoutMs: HOUR_MS });
    await first;
    for (const send of [peers.ask.bind(peers), peers.send.bind(peers)]) {
      await assert.rejects(
        send(peer, { ...INTERNAL, path: '/answered', timeoutMs: 20 }),
        (error) => error instanceof PeerError && error.fault === 'silent',
      );
    }
    open.get('/longer')?.end('{}');
    await longer;
  });

  it('of the invoker itself end at their limit while their response comes', async () => {
    peers = new PeerClient('a secret', 'invoker0');
    const first = reaches(1);
    const asked = peers.ask(peer, { ...INTERNAL, path: '/slow', timeoutMs: 500 });
    await first;
    open.get('/slow')?.writeHead(200, { 'content-length': 2 }).write('{');
    await assert.rejects(asked, PeerError);
  });

  it('of callers wait for a connection for a while, and are refused as not sent then', async () => {
    peers = new PeerClient('a secret', 'invoker0', undefined, { connections: 1, connectionWaitMs: 20 });
    const first = reaches(1);
    const longer = upload('/longer', 'a');
    await first;
    await assert.rejects(upload('/refused', 'b'), refused(503, /keep all connections to invoker1/));
    open.get('/longer')?.end();
    assert.equal(await longer, 200);
    assert.equal(await upload('/answered', 'b'), 200);
    assert.deepEqual([...open.keys()], ['/longer']);
  });
});
