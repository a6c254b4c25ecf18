import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Holders } from '../../../../../invoker/objects/sharing/Holders.js';
import { PeerClient, PeerError } from '../../../../../invoker/objects/sharing/PeerClient.js';
import type { Peer } from '../../../../../shared/objects/Locate.js';
import { ObjectError } from '../../../../../shared/objects/ObjectError.js';
import { refused } from '../memory/memories.js';

const PEER = { instance: 1, url: 'http://invoker1' };
const MINUTE_MS = 60_000;

describe('an invoker that holds copies', () => {
  let now: number;
  let lost: string[];
  let peer: Peer;
  let peers: PeerClient;
  let holders: Holders;

  beforeEach(() => {
    now = 1000;
    lost = [];
    peer = PEER;
    peers = new PeerClient('a secret', 'invoker0');
    holders = new Holders(
      peers,
      () => now,
      (text) => void lost.push(text),
    );
  });
  afterEach(() => peers.close());

  const silent = async (): Promise<undefined> => {
    throw new ObjectError(503, 'It is silent.', { cause: new PeerError('silent', 'invoker1 does not answer') });
  };
  const ask = <T>(request: () => Promise<T | undefined>): Promise<T | undefined> => holders.ask(peer, request);

  it('is waited for while it is silent, for ten minutes', async () => {
    for (let i = 0; i < 24; i++) {
      await assert.rejects(ask(silent), refused(503, /silent/));
      now += 25_000;
    }
    assert.deepEqual(lost, []);
    assert.equal(await ask(silent), undefined);
    assert.deepEqual(lost, ['the copies of objects in invoker1 are lost']);
  });

  /** It is silent for almost as long as it is waited for. */
  async function beSilent(): Promise<void> {
    for (let i = 0; i < 23; i++) {
      await assert.rejects(ask(silent), refused(503, /silent/));
      now += 25_000;
    }
  }

  it('is waited for anew after an answer', async () => {
    await beSilent();
    assert.equal(await ask(async () => 'here'), 'here');
    await beSilent();
    assert.deepEqual(lost, []);
  });

  it('is waited for anew after an answer to any other request', async () => {
    const server = createServer((_, response) => response.end('{}')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const { port } = server.address() as AddressInfo;
      peer = { instance: 1, url: `http://127.0.0.1:${port}` };
      await beSilent();
      const namespace = { uuid: 'u', name: 'guest', limitBytes: undefined };
      await peers.ask(peer, { operation: 'stats', method: 'GET', path: '/blue', namespace });
      await beSilent();
      assert.deepEqual(lost, []);
    } finally {
      server.close().closeAllConnections();
    }
  });

  it('is waited for from its last answer on, and not from the begin of a transfer that takes longer than that', async () => {
    const server = createServer((_, response) => response.end('{}')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const { port } = server.address() as AddressInfo;
      peer = { instance: 1, url: `http://127.0.0.1:${port}` };
      const namespace = { uuid: 'u', name: 'guest', limitBytes: undefined };
      const transfer = async (): Promise<undefined> => {
        now += 11 * MINUTE_MS;
        await peers.ask(peer, { operation: 'list', method: 'GET', path: '/red', namespace });
        return silent();
      };
      await assert.rejects(ask(transfer), refused(503, /silent/));
      await beSilent();
      assert.deepEqual(lost, []);
    } finally {
      server.close().closeAllConnections();
    }
  });

  it('is not lost by late answers that are minutes apart', async () => {
    for (let i = 0; i < 3; i++) {
      await assert.rejects(ask(silent), refused(503, /silent/));
      now += 5 * MINUTE_MS;
    }
    assert.deepEqual(lost, []);
  });

  it('has lost them at once if it is dead, and not if it refuses to answer', async () => {
    const refuse = async (): Promise<undefined> => {
      throw new ObjectError(503, 'It has no memory.');
    };
    await assert.rejects(ask(refuse), refused(503, /memory/));
    assert.equal(await ask(async () => undefined), undefined);
    // Nobody has waited for it.
    assert.deepEqual(lost, []);
  });
});
