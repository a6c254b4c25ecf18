import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ObjectBytes } from '../../../../../invoker/objects/memory/ObjectBytes.js';
import { CopyRequests } from '../../../../../invoker/objects/sharing/CopyRequests.js';
import { PeerClient } from '../../../../../invoker/objects/sharing/PeerClient.js';
import { at } from '../memory/memories.js';
import { GUEST } from './cluster.js';

/** Longer than a copy without bytes may take, in ms. */
const SLOW_MS = 6500;

describe('a copy of an object', () => {
  let server: Server;
  let peers: PeerClient;

  beforeEach(async () => {
    peers = new PeerClient('secret', 'invoker1');
    server = createServer((request, response) => {
      request.resume();
      setTimeout(() => response.end(JSON.stringify({ complete: true })), SLOW_MS);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    await peers.close();
    server.close();
  });

  it('has more time the larger it is: otherwise no change of its color would get through a slow network', async () => {
    const { port } = server.address() as AddressInfo;
    const requests = new CopyRequests(peers, () => 0);
    const bytes = ObjectBytes.of(Buffer.allocUnsafeSlow(8 * 1024 * 1024));
    const object = {
      bytes,
      contentType: 'text/plain',
      etag: '"e"',
      persistence: 'replicated',
      expiresAt: undefined,
    } as const;
    const peer = { instance: 0, url: `http://127.0.0.1:${port}` };
    assert.deepEqual(await requests.put(peer, GUEST, at('k'), object, 1), { complete: true });
  });
});
