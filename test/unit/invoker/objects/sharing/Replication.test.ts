import assert from 'node:assert/strict';
import { colorKey } from '../../../../../invoker/objects/sharing/colorKey.js';
import type { CopySet } from '../../../../../invoker/objects/sharing/ColorStates.js';
import { copiesOf } from '../../../../../invoker/objects/sharing/copies.js';
import { PeerError } from '../../../../../invoker/objects/sharing/PeerClient.js';
import { at, put, refused, textOf } from '../memory/memories.js';
import { GUEST, TestCluster, type Node } from './cluster.js';
import { COLOR, peerOf, silent, TestHomes, type TestHome } from './homes.js';

const KEY = colorKey(GUEST, COLOR);

describe('copies of replicated objects at the next home', () => {
  let cluster: TestCluster;
  const homes = new TestHomes();
  let b: Node;
  let c: Node;

  beforeEach(async () => {
    cluster = new TestCluster();
    [b, c] = [await cluster.add(), await cluster.add()];
  });
  afterEach(async () => {
    await homes.close();
    await cluster.close();
  });

  const now = (): number => performance.now();
  const setOf = (node: Node) => node.sharing.sets.get(KEY);
  const copiesAt = ({ memory }: Node): string[] =>
    memory
      .list(copiesOf(GUEST), { color: COLOR, prefix: '', after: undefined, limit: 10 }, now())
      .objects.map(({ key }) => `${key}: ${textOf(memory.peek(copiesOf(GUEST), at(key), now()))}`);

  /** A complete set of an earlier owner, from which an owner has begun that has the same objects. */
  async function inherited(node: Node, ...keys: string[]): Promise<{ home: TestHome; former: CopySet }> {
    const earlier = homes.add({}, node);
    for (const key of keys) earlier.put(key, key);
    const former = await earlier.ensure(node);
    const home = homes.add({ copies: [former], base: { epoch: former.epoch, complete: true } }, node);
    for (const key of keys) put(home.memory, GUEST, key, key, now(), { persistence: 'replicated' });
    return { home, former };
  }

  it('are a whole set before a change is acknowledged', async () => {
    const home = homes.add({}, b);
    for (const key of ['k', 'l']) home.put(key, 'one');
    home.put('m', 'one', 'memory');
    await home.change('n', 'two');
    assert.deepEqual(copiesAt(b), ['k: one', 'l: one', 'n: two']);
    assert.deepEqual(setOf(b), { epoch: home.owned.epoch, complete: true });
    await home.remove('k');
    await home.change('l', 'three', 'memory');
    assert.deepEqual(copiesAt(b), ['n: two']);
  });

  it('are found without lists, each page of which takes long if the color has many objects', async () => {
    const home = homes.add({}, b);
    for (const key of ['k', 'l']) home.put(key, 'one');
    home.memory.list = () => assert.fail('nothing need be listed');
    await home.ensure(b);
    assert.deepEqual(copiesAt(b), ['k: one', 'l: one']);
  });

  it('of an earlier owner become those of the next one as they are, if they are equal', async () => {
    const { home, former } = await inherited(b, 'k', 'l');
    home.peers.on('copy', () => assert.fail('nothing need be copied'));
    const set = await home.ensure(b);
    assert.ok(set.epoch > former.epoch);
    assert.deepEqual([copiesAt(b), setOf(b)], [['k: k', 'l: l'], { epoch: set.epoch, complete: true }]);
    home.peers.on('copy', (send) => send());
    await home.change('k', 'new');
    assert.deepEqual([copiesAt(b), setOf(b)?.epoch], [['k: new', 'l: l'], set.epoch]);
  });

  it('stay if the answer that they belong to the next owner is lost', async () => {
    const { home } = await inherited(b, 'k', 'l');
    home.peers.loseAnswer('complete');
    await assert.rejects(home.ensure(b), PeerError);
    home.peers.on('copy', () => assert.fail('nothing need be copied'));
    const set = await home.ensure(b);
    assert.deepEqual([copiesAt(b), setOf(b)], [['k: k', 'l: l'], { epoch: set.epoch, complete: true }]);
  });

  it('are made anew if the invoker has lost those of the earlier owner', async () => {
    const { home } = await inherited(b, 'k', 'l');
    b.sharing.sets.drop(GUEST, COLOR);
    await home.ensure(b);
    assert.deepEqual([copiesAt(b), setOf(b)?.complete], [['k: k', 'l: l'], true]);
  });

  it('that differ in changes that were taken back become equal, and stay complete meanwhile', async () => {
    const { home, former } = await inherited(b, 'same', 'changed', 'deleted');
    // The set with which the owner has begun is a later one, of the invoker that was the owner before.
    const base = { epoch: former.epoch + 1, complete: true, since: former.epoch };
    const later = homes.add({ copies: [former], base, memory: home.memory }, b);
    home.memory.delete(GUEST, at('deleted'), undefined, now());
    later.put('changed', 'other');
    later.put('new', 'new');
    const seen: unknown[] = [];
    const look = async (send: () => Promise<unknown>): Promise<unknown> => {
      const answer = await send();
      seen.push(setOf(b));
      later.peers.on('copy', look);
      return answer;
    };
    later.peers.on('copy', look);
    const set = await later.ensure(b);
    // The set from which the owner has its objects counts first.
    const meanwhile = { epoch: former.epoch, complete: true, unsure: true };
    assert.deepEqual(
      [copiesAt(b), seen],
      [
        ['changed: other', 'new: new', 'same: same'],
        [meanwhile, meanwhile],
      ],
    );
    assert.deepEqual(setOf(b), { epoch: set.epoch, complete: true });
    assert.equal(later.owned.copiedTo, set);
  });

  it('that differ stay complete if they cannot be made equal', async () => {
    const { home, former } = await inherited(b, 'k');
    const base = { epoch: former.epoch + 1, complete: true, since: former.epoch };
    const later = homes.add({ copies: [former], base, memory: home.memory }, b);
    later.put('new', 'new');
    for (const operation of ['list', 'copy']) {
      later.peers.on(operation, () => Promise.reject(silent()));
      await assert.rejects(later.ensure(b));
      assert.deepEqual([copiesAt(b), setOf(b)?.complete, later.owned.copiedTo], [['k: k'], true, undefined]);
    }
    await later.ensure(b);
    assert.deepEqual(copiesAt(b), ['k: k', 'new: new']);
  });

  it('of a former owner that are as good as those of the owner stay complete until they are like its objects', async () => {
    // The former owner has got no answer that its set at another invoker has got another epoch: that is the one of the owner.
    const ofFormer = { epoch: 5, complete: true, until: 7, unsure: true };
    for (const key of ['k', 'l']) put(b.memory, GUEST, key, key, now(), { persistence: 'replicated' });
    b.sharing.sets.demote({ namespace: GUEST, color: COLOR, policy: undefined }, ofFormer, now());
    const copies = [{ ...ofFormer, peer: peerOf(b) }];
    const home = homes.add({ copies, base: { epoch: 7, complete: true } }, b);
    for (const key of ['k', 'l', 'new']) home.put(key, key);
    home.peers.loseAnswer('copy');
    await assert.rejects(home.ensure(b));
    assert.deepEqual([setOf(b), copiesAt(b)], [ofFormer, ['k: k', 'l: l']]);
    await home.ensure(b);
    assert.deepEqual(copiesAt(b), ['k: k', 'l: l', 'new: new']);
  });

  it('get a higher epoch than a set that was completed elsewhere without an answer, before they change', async () => {
    const home = homes.add({}, b);
    await home.change('k', 'one');
    home.peers.loseAnswer('complete');
    await assert.rejects(home.ensure(c), PeerError);
    const elsewhere = setOf(c);
    assert.deepEqual([copiesAt(c), elsewhere?.complete], [['k: one'], true]);
    await home.change('k', 'two');
    assert.deepEqual([copiesAt(b), setOf(c)], [['k: two'], undefined]);
    assert.ok((setOf(b)?.epoch ?? 0) > (elsewhere?.epoch ?? Infinity));
  });

  it('are removed where they were before, also if that invoker did not answer at first', async () => {
    const home = homes.add({}, b);
    await home.change('k', 'one');
    home.peers.on('forget', () => Promise.reject(silent()));
    await home.ensure(c);
    assert.deepEqual([copiesAt(b), copiesAt(c)], [['k: one'], ['k: one']]);
    await home.replication.tend();
    assert.deepEqual([copiesAt(b), copiesAt(c)], [[], ['k: one']]);
  });

  for (const operation of ['copy', 'complete'] as const) {
    it(`do not cast doubt on their owner if a request (${operation}) with its own earlier epoch is refused`, async () => {
      const home = homes.add({}, b);
      await home.change('k', 'one');
      home.peers.on(operation, async (send) => {
        home.peers.delay('copy');
        await assert.rejects(home.change('l', 'one'), refused(502));
        await home.change('l', 'two');
        return send();
      });
      if (operation === 'copy') await home.change('k', 'two');
      else await home.replication.check(GUEST, COLOR, home.owned, peerOf(b));
      assert.equal(home.owned.doubted, false);
      assert.deepEqual(copiesAt(b), [`k: ${operation === 'copy' ? 'two' : 'one'}`, 'l: two']);
    });
  }

  it('cast doubt on their owner if a later one is known', async () => {
    const home = homes.add({}, b);
    await home.change('k', 'one');
    b.sharing.sets.raise(KEY, home.owned.epoch + 1000);
    await assert.rejects(home.change('k', 'two'), refused(502, /taken the color over/));
    assert.deepEqual([home.owned.doubted, home.textOf('k')], [true, 'one']);
  });

  it('that are refused for lack of memory leave the object as it is, and 503 says so', async () => {
    const home = homes.add({}, b);
    await home.change('k', 'one');
    const { epoch } = home.owned;
    const { boundBytes } = b.memory;
    b.memory.resize(b.memory.usedBytes);
    await assert.rejects(home.change('l', 'x'.repeat(10_000)), refused(503, /does not take the copy/));
    assert.deepEqual([home.textOf('l'), copiesAt(b), setOf(b)], [undefined, ['k: one'], { epoch, complete: true }]);
    assert.equal(home.owned.lateCopies === 'many' || home.owned.lateCopies.size, 0);
    b.memory.resize(boundBytes);
    await home.change('l', 'two');
    assert.deepEqual([copiesAt(b), home.owned.epoch], [['k: one', 'l: two'], epoch]);
  });

  it('are made again at a next home that has started again, at once or when it is asked', async () => {
    const home = homes.add({}, b);
    for (const key of ['k', 'l']) await home.change(key, 'one');
    b.sharing.sets.drop(GUEST, COLOR);
    await home.change('k', 'two');
    assert.deepEqual([copiesAt(b), setOf(b)?.complete], [['k: two', 'l: one'], true]);
    b.sharing.sets.drop(GUEST, COLOR);
    await home.replication.check(GUEST, COLOR, home.owned, peerOf(b));
    assert.deepEqual([copiesAt(b), setOf(b)?.complete], [['k: two', 'l: one'], true]);
  });

  it('are known to be lost if the next home is dead, and not if it only does not answer', async () => {
    const home = homes.add({}, b);
    await home.change('k', 'one');
    home.peers.on('copy', () => Promise.reject(silent()));
    await assert.rejects(home.change('k', 'two'), refused(502));
    assert.equal(home.owned.copiedTo?.lost, undefined);
    await home.change('k', 'three');
    home.peers.on('copy', () => Promise.reject(new PeerError('dead', 'it is dead')));
    await assert.rejects(home.change('k', 'four'), refused(502));
    assert.deepEqual([home.owned.copiedTo?.lost, home.textOf('k')], [true, 'three']);
    await home.change('k', 'five');
    assert.deepEqual([home.owned.copiedTo?.lost, copiesAt(b)], [undefined, ['k: five']]);
  });

  it('are made anew at the other address of a next home', async () => {
    const home = homes.add({}, b);
    await home.change('k', 'one');
    // As if it had started again at another address: here another invoker answers for it.
    const moved = { instance: b.instance, url: peerOf(c).url };
    home.owned.others = [moved];
    await home.change('l', 'two');
    assert.deepEqual(copiesAt(c), ['k: one', 'l: two']);
    assert.deepEqual(home.owned.copiedTo?.peer, moved);
    assert.equal(setOf(c)?.complete, true);
  });

  it('are not complete if their invoker has lost some of them while others came', async () => {
    for (const [operation, texts] of [
      ['copy', ['one', 'two', 'three']],
      ['complete', ['one']],
    ] as const) {
      const home = homes.add({}, c);
      for (const [index, text] of texts.entries()) home.put(`k${index}`, text);
      // As if it started again.
      const lose = async (send: () => Promise<unknown>): Promise<unknown> => {
        c.sharing.sets.drop(GUEST, COLOR);
        return send();
      };
      if (operation === 'complete') home.peers.on(operation, lose);
      else {
        home.peers.on('copy', async (send) => {
          const answer = await send();
          home.peers.on('copy', lose);
          return answer;
        });
      }
      await assert.rejects(home.ensure(c), refused(503, /has started again/));
      assert.notEqual(setOf(c)?.complete, true);
      await home.ensure(c);
      assert.deepEqual([copiesAt(c).length, setOf(c)?.complete], [texts.length, true]);
    }
  });

  it('get no higher epoch if the color was given away while a change waited for them', async () => {
    const home = homes.add({}, b);
    await home.change('k', 'one');
    const { epoch } = home.owned;
    home.isOwned = false;
    await assert.rejects(home.replication.ensure(GUEST, COLOR, home.owned, peerOf(c)), refused(503));
    assert.deepEqual([home.owned.epoch, setOf(c)], [epoch, undefined]);
  });

  it('get no higher epoch if the color was given away while they were checked', async () => {
    const home = homes.add({}, b);
    await home.change('k', 'one');
    const { epoch } = home.owned;
    home.owned.lateCopies = 'many';
    home.peers.on('complete', async (send) => {
      home.isOwned = false;
      return send();
    });
    await assert.rejects(home.replication.check(GUEST, COLOR, home.owned, peerOf(b)), refused(503));
    assert.equal(home.owned.epoch, epoch);
  });
});
