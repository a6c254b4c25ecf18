import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { copiesOf } from '../../../../../invoker/objects/sharing/copies.js';
import { peerListener } from '../../../../../invoker/objects/sharing/peerListener.js';
import { Sharing } from '../../../../../invoker/objects/sharing/Sharing.js';
import { PEER_HEADER, signPeer } from '../../../../../shared/objects/peerHeader.js';
import { at, newMemory } from '../memory/memories.js';
import { GUEST, SECRET } from './cluster.js';

describe('a copy of an object', () => {
  it('that breaks off is not kept, and is not logged as a fault of this invoker', async () => {
    const memory = newMemory();
    const now = (): number => performance.now();
    const faults: unknown[] = [];
    const sharing = new Sharing({
      instance: 0,
      secret: SECRET,
      memory,
      askHomes: () => Promise.reject(new Error('no controller answers')),
      askInvokers: () => Promise.reject(new Error('no controller answers')),
      store: undefined,
      now,
      onWarning: () => undefined,
    });
    const onFault = (_: string, error: unknown): void => void faults.push(error);
    const listener = peerListener({ memory, sharing, secret: SECRET, figures: () => ({}), now, onFault });
    const server = createServer(listener).listen(0, '127.0.0.1');
    try {
      await once(server, 'listening');
      const requested = once(server, 'request');
      const path = '/c/k?epoch=5';
      const claims = { operation: 'copy', from: 'invoker1', namespace: GUEST } as const;
      const signed = signPeer(SECRET, { method: 'PUT', path }, claims, Date.now());
      const { port } = server.address() as AddressInfo;
      const headers = { [PEER_HEADER]: signed, 'content-length': 1000, etag: '"t"' };
      const sender = httpRequest({ host: '127.0.0.1', port, method: 'PUT', path, headers });
      sender.on('error', () => undefined).write('the first bytes');
      const [, response] = (await requested) as [IncomingMessage, ServerResponse];
      const closed = once(response, 'close');
      sender.destroy();
      await closed;
      // The reservation ends with the request.
      while (memory.usedBytes > 0) await new Promise(setImmediate);
      await new Promise(setImmediate);
      assert.deepEqual(faults, []);
      assert.equal(memory.peek(copiesOf(GUEST), at('k'), now()), undefined);
    } finally {
      server.close().closeAllConnections();
      await sharing.close();
    }
  });
});
