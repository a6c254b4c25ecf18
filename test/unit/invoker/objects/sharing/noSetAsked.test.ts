import assert from 'node:assert/strict';
import { newlyOwned, type Owned } from '../../../../../invoker/objects/sharing/ColorStates.js';
import { Holders } from '../../../../../invoker/objects/sharing/Holders.js';
import { doubtOfNoSet, type NoSetParts } from '../../../../../invoker/objects/sharing/noSet.js';
import { PeerError } from '../../../../../invoker/objects/sharing/PeerClient.js';
import { invokersReplySchema, type InvokersReply } from '../../../../../shared/objects/invokersReply.js';
import type { Peer } from '../../../../../shared/objects/Locate.js';
import { ObjectError } from '../../../../../shared/objects/ObjectError.js';
import { refused } from '../memory/memories.js';
import { GUEST } from './cluster.js';

const peer = (instance: number, url = `http://invoker${instance}`): Peer => ({ instance, url });
const silentAt = (instance: number): PeerError => new PeerError('silent', `invoker${instance} does not answer`);

describe('the invokers that are asked before an object is removed without a copy', () => {
  let now: number;
  let lost: string[];
  let owned: Owned;
  let all: InvokersReply;
  /** In their order. */
  let asked: string[];
  let fence: (at: Peer) => Promise<{ set?: undefined; owner: boolean }>;
  let parts: NoSetParts;

  beforeEach(() => {
    now = 1000;
    lost = [];
    asked = [];
    all = { up: [], away: [] };
    fence = async () => ({ owner: false });
    owned = newlyOwned({ namespace: GUEST, color: 'c', policy: undefined, epoch: 10, lapses: 0, validMs: 1000 });
    const holders = new Holders(
      { onAnswer: () => undefined },
      () => now,
      (text) => void lost.push(text),
    );
    parts = {
      instance: 9,
      holders,
      askInvokers: async () => all,
      requests: {
        fence: (at) => {
          asked.push(at.url);
          return fence(at);
        },
        forget: async () => true,
      },
    };
  });
  const doubt = (): Promise<string | undefined> => doubtOfNoSet(parts, owned);

  it('are those of which the ownership has heard, and all that a controller names, each one once and not itself', async () => {
    owned.mayHold.set(1, peer(1));
    owned.formers.set(2, peer(2, 'http://former-address'));
    owned.begunAt.set(3, peer(3, 'http://former-address-of-3'));
    all = {
      up: [peer(9), peer(1), peer(2), peer(4)],
      away: [
        { ...peer(3), silentMs: 5 },
        { ...peer(5), silentMs: 5 },
      ],
    };
    assert.equal(await doubt(), undefined);
    // One that is away may be at any of its addresses. Those that may be slow come first.
    const addresses = ['http://invoker3', 'http://invoker5', 'http://invoker1', 'http://invoker2'];
    assert.deepEqual(asked, [...addresses, 'http://former-address-of-3', 'http://invoker4']);
  });

  it('are asked where a controller has heard of them last', async () => {
    owned.others = [peer(1, 'http://up-before'), peer(2, 'http://not-named-now')];
    owned.mayHold.set(1, peer(1, 'http://first'));
    owned.mayHold.set(2, peer(2, 'http://second'));
    all = { up: [], away: [{ ...peer(1, 'http://away'), silentMs: 5 }] };
    await doubt();
    assert.deepEqual(asked, ['http://away', 'http://first', 'http://not-named-now']);
  });

  it('are not asked of a controller again if all have been asked', async () => {
    owned.allAsked = true;
    owned.mayHold.set(1, peer(1));
    parts = { ...parts, askInvokers: () => assert.fail('it is asked again') };
    assert.equal(await doubt(), undefined);
    assert.deepEqual(asked, ['http://invoker1']);
  });

  it('are asked a bounded number at once, and all of them although one may have a set', async () => {
    all = { up: Array.from({ length: 1000 }, (_, i) => peer(i + 10)), away: [] };
    let [running, most] = [0, 0];
    fence = async ({ instance }) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      return { owner: instance === 10 };
    };
    assert.equal(await doubt(), 'invoker10 may have another copy');
    assert.deepEqual([asked.length, most], [1000, 64]);
  });

  it('are waited for if they are silent, and count as lost after ten minutes, with one line in the log', async () => {
    owned.mayHold.set(1, peer(1));
    all = { up: [], away: [{ ...peer(2), silentMs: 1000 }] };
    fence = ({ instance }) => Promise.reject(silentAt(instance));
    for (let i = 0; i < 24; i++) {
      assert.equal(await doubt(), 'invoker2 may have another copy (invoker2 does not answer)');
      now += 25_000;
    }
    assert.deepEqual(lost, []);
    assert.equal(await doubt(), undefined);
    assert.equal(await doubt(), undefined);
    assert.deepEqual(lost, [
      'the copies of objects in invoker2 are lost',
      'the copies of objects in invoker1 are lost',
    ]);
  });

  it('are not waited for if the controllers have not heard of them for ten minutes, unless they answer', async () => {
    all = { up: [], away: [{ ...peer(1), silentMs: 600_000 }] };
    fence = ({ instance }) => Promise.reject(silentAt(instance));
    assert.equal(await doubt(), undefined);
    assert.deepEqual(lost, ['the copies of objects in invoker1 are lost']);
    fence = async () => ({ owner: true });
    assert.equal(await doubt(), 'invoker1 may have another copy');
  });

  it('have no set if they are dead', async () => {
    all = { up: [peer(1)], away: [] };
    fence = () => Promise.reject(new PeerError('dead', 'nothing listens'));
    assert.equal(await doubt(), undefined);
    assert.deepEqual(lost, []);
  });

  it('may have one if they refuse to answer, and end the ownership if they know a later one', async () => {
    all = { up: [peer(1)], away: [] };
    fence = () => Promise.reject(new ObjectError(503, 'invoker1 responded with status 500'));
    assert.equal(await doubt(), 'invoker1 may have another copy (invoker1 responded with status 500)');
    fence = () => Promise.reject(new ObjectError(421, 'there is a later owner'));
    await assert.rejects(doubt(), refused(421, /later owner/));
  });
});

describe('the reply of a controller that names all invokers', () => {
  it('has at most a thousand of each kind', () => {
    const up = Array.from({ length: 1000 }, (_, i) => ({ instance: i, url: `https://host${i}:1` }));
    const away = [{ instance: 0, url: 'http://host0:1', silentMs: 0 }];
    assert.deepEqual(invokersReplySchema.parse({ up, away, later: 'ignored' }), { up, away });
    assert.throws(() => invokersReplySchema.parse({ up: [...up, up[0]], away }));
    assert.throws(() => invokersReplySchema.parse({ up }));
    assert.throws(() => invokersReplySchema.parse({ up, away: [{ instance: 0, url: 'http://host0:1' }] }));
  });
});
