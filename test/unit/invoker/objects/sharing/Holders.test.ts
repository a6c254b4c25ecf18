import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { newlyOwned, type Owned } from '../../../../../invoker/objects/sharing/ColorStates.js';
import { Holders, loseMoved } from '../../../../../invoker/objects/sharing/Holders.js';
import { PeerClient, PeerError } from '../../../../../invoker/objects/sharing/PeerClient.js';
import type { Peer } from '../../../../../shared/objects/Locate.js';
import { ObjectError } from '../../../../../shared/objects/ObjectError.js';
import { refused } from '../memory/memories.js';

const PEER = { instance: 1, url: 'http://invoker1' };
const MINUTE_MS = 60_000;

describe('an invoker that holds copies', () => {
  let now: number;
  let lost: string[];
  let owned: Owned;
  let peer: Peer;
  let peers: PeerClient;
  let holders: Holders;

  beforeEach(() => {
    now = 1000;
    lost = [];
    peer = PEER;
    owned = newlyOwned({ policy: undefined, epoch: 5, lapses: 1, validMs: 8000 });
    owned.copies.set(1, { peer: PEER, epoch: 3, complete: true });
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
  const ask = <T>(request: () => Promise<T | undefined>): Promise<T | undefined> => holders.ask(owned, peer, request);
  const isLost = (): boolean => owned.copies.get(1)?.lost === true;

  it('is waited for while it is silent, for ten minutes', async () => {
    for (let i = 0; i < 24; i++) {
      await assert.rejects(ask(silent), refused(503, /silent/));
      now += 25_000;
    }
    assert.deepEqual([isLost(), lost], [false, []]);
    assert.equal(await ask(silent), undefined);
    assert.deepEqual([isLost(), lost], [true, ['the copies of objects in invoker1 are lost']]);
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
    assert.equal(isLost(), false);
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
      assert.equal(isLost(), false);
    } finally {
      server.close().closeAllConnections();
    }
  });

  it('is not lost by late answers that are minutes apart', async () => {
    for (let i = 0; i < 3; i++) {
      await assert.rejects(ask(silent), refused(503, /silent/));
      now += 5 * MINUTE_MS;
    }
    assert.equal(isLost(), false);
  });

  it('has lost them at once if it is dead, and not if it refuses to answer', async () => {
    const refuse = async (): Promise<undefined> => {
      throw new ObjectError(503, 'It has no memory.');
    };
    await assert.rejects(ask(refuse), refused(503, /memory/));
    assert.equal(isLost(), false);
    assert.equal(await ask(async () => undefined), undefined);
    assert.equal(isLost(), true);
  });

  for (const [what, url] of [
    ['at its next address', 'http://elsewhere'],
    ['after it has started again', PEER.url],
  ] as const) {
    it(`has not lost a set that it has got since a request, ${what}`, async () => {
      const dead = async (): Promise<undefined> => {
        owned.copiedTo = { peer: { instance: 1, url }, epoch: 6, complete: true };
        return undefined;
      };
      assert.equal(await ask(dead), undefined);
      assert.deepEqual([isLost(), owned.copiedTo?.lost], [true, undefined]);
      peer = { instance: 1, url };
      assert.equal(await ask(async () => undefined), undefined);
      assert.equal(owned.copiedTo?.lost, true);
    });
  }

  const MOVED = [{ instance: 1, url: 'http://elsewhere' }];

  it('has lost them if the controllers name it at another address for longer than they may lag', () => {
    loseMoved(owned, [PEER, { instance: 2, url: 'http://elsewhere' }], now);
    owned.copiedTo = { peer: PEER, epoch: 5, complete: true };
    for (let i = 0; i < 11; i++, now += 1000) loseMoved(owned, MOVED, now);
    assert.deepEqual([isLost(), owned.copiedTo.lost], [false, undefined]);
    loseMoved(owned, MOVED, now);
    assert.deepEqual([isLost(), owned.copiedTo.lost], [false, undefined]);
    loseMoved(owned, MOVED, now + 1000);
    assert.deepEqual([isLost(), owned.copiedTo.lost], [true, true]);
  });

  it('has not lost them if a controller that lags names its former address now and then', () => {
    for (let i = 0; i < 60; i++, now += 1000) loseMoved(owned, i % 10 === 9 ? [PEER] : MOVED, now);
    assert.equal(isLost(), false);
    // Long ago, it may have been another address.
    loseMoved(owned, MOVED, now);
    loseMoved(owned, MOVED, now + MINUTE_MS);
    assert.equal(isLost(), false);
  });
});
