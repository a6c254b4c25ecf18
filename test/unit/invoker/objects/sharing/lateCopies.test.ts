import assert from 'node:assert/strict';
import { copiesOf } from '../../../../../invoker/objects/sharing/copies.js';
import { newlyOwned } from '../../../../../invoker/objects/sharing/ColorStates.js';
import {
  allLateCopies,
  beginAnotherSet,
  endFormerSet,
  hasLateCopy,
  noteLateCopy,
  returnToFormerSet,
} from '../../../../../invoker/objects/sharing/lateCopies.js';
import { A, at, refused, textOf } from '../memory/memories.js';
import { GUEST, TestCluster, type Node } from './cluster.js';
import { peerOf, silent, TestHomes, type TestHome } from './homes.js';
import { MapStore } from './MapStore.js';

describe('a request for a copy that arrives late', () => {
  const homes = new TestHomes();
  let cluster: TestCluster;
  let next: Node;
  let home: TestHome;

  beforeEach(async () => {
    cluster = new TestCluster();
    next = await cluster.add();
    home = homes.add({ store: new MapStore() }, next);
  });
  afterEach(async () => {
    await homes.close();
    await cluster.close();
  });
  const copy = (key = 'k'): string | undefined => textOf(next.memory.peek(copiesOf(GUEST), at(key), performance.now()));

  /** A copy whose request gets no answer: its change is taken back. @returns a function that delivers the request. */
  async function late(operation: 'copy' | 'drop' = 'copy'): Promise<() => Promise<unknown>> {
    await home.change('other', 'one');
    if (operation === 'drop') await home.change('k', 'before');
    const before = home.textOf('k');
    const deliver = home.peers.delay(operation);
    await assert.rejects(operation === 'copy' ? home.change('k', 'late') : home.remove('k'), refused(502));
    assert.equal(home.textOf('k'), before);
    return deliver;
  }

  for (const persistence of ['replicated', 'stored', 'memory'] as const) {
    it(`is refused after the next change of the object (${persistence})`, async () => {
      const deliver = await late();
      await home.change('k', 'two', persistence);
      await assert.rejects(deliver(), refused(421));
      assert.equal(copy(), persistence === 'replicated' ? 'two' : undefined);
      const { epoch } = home.owned;
      await home.change('k', 'three', persistence);
      await home.remove('k');
      assert.equal(home.owned.epoch, epoch);
      assert.deepEqual([copy(), copy('other')], [undefined, 'one']);
    });
  }

  it('is refused after the next change, also if it removes the copy', async () => {
    const deliver = await late('drop');
    await home.change('k', 'two');
    await assert.rejects(deliver(), refused(421));
    assert.equal(copy(), 'two');
  });

  it('is replaced by the next change, if it has arrived before that', async () => {
    for (const persistence of ['replicated', 'stored', 'memory'] as const) {
      const deliver = await late();
      await deliver();
      assert.equal(copy(), 'late');
      await home.change('k', 'two', persistence);
      assert.equal(copy(), persistence === 'replicated' ? 'two' : undefined);
      await home.remove('k');
    }
  });

  it('is replaced when the object is deleted that was there before', async () => {
    await home.change('k', 'before');
    const deliver = await late();
    await deliver();
    assert.deepEqual([home.textOf('k'), copy()], ['before', 'late']);
    await home.remove('k');
    assert.equal(copy(), undefined);
  });

  it('is not waited for by changes of other objects that need no copy', async () => {
    await late();
    const { epoch } = home.owned;
    await home.change('l', 'two', 'stored');
    assert.equal(home.owned.epoch, epoch);
    assert.notEqual(home.owned.copiedTo?.epoch, epoch);
    assert.equal(hasLateCopy(home.owned, 'k'), true);
  });

  it('matters no more once a whole set is at another invoker', async () => {
    const third = await cluster.add();
    const deliver = await late();
    await home.ensure(third);
    assert.equal(hasLateCopy(home.owned, 'k'), false);
    await assert.rejects(deliver(), refused(421));
  });
});

describe('a copy that a change has left that was taken back', () => {
  const homes = new TestHomes();
  let cluster: TestCluster;
  let next: Node;
  let third: Node;
  beforeEach(async () => {
    cluster = new TestCluster();
    [next, third] = [await cluster.add(), await cluster.add()];
  });
  afterEach(async () => {
    await homes.close();
    await cluster.close();
  });

  for (const persistence of ['memory', 'nothing'] as const) {
    it(`does not outlive a change that is acknowledged while another set is made (${persistence})`, async () => {
      const home = homes.add({}, next);
      await home.change('other', 'one');
      await home.change('k', 'one', 'memory');
      home.peers.loseAnswer('copy');
      await assert.rejects(home.change('k', 'two'), refused(502));
      const copy = (): unknown => next.memory.peek(copiesOf(GUEST), at('k'), performance.now());
      assert.ok(copy());
      home.owned.others = [peerOf(third)];
      let changed = Promise.resolve('not asked for');
      home.peers.on('copy', async () => {
        const change = persistence === 'memory' ? home.change('k', 'three', 'memory') : home.remove('k');
        changed = change.then(
          () => 'acknowledged',
          () => 'refused',
        );
        throw silent();
      });
      await assert.rejects(home.ensure(third));
      assert.ok((await changed) === 'refused' || copy() === undefined);
    });
  }
});

describe('the keys of late copies', () => {
  const owning = () => newlyOwned({ namespace: A, color: 'c', policy: undefined, epoch: 5, lapses: 0, validMs: 1000 });

  it('are all keys if there are too many', () => {
    const owned = owning();
    for (let i = 0; i < 1000; i++) noteLateCopy(owned, `k${i}`);
    assert.equal(hasLateCopy(owned, 'other'), false);
    noteLateCopy(owned, 'one more');
    assert.equal(hasLateCopy(owned, 'other'), true);
  });

  it('stay those of the set that counts until another one is complete', () => {
    const owned = owning();
    noteLateCopy(owned, 'a');
    beginAnotherSet(owned);
    noteLateCopy(owned, 'b');
    assert.deepEqual([hasLateCopy(owned, 'a'), hasLateCopy(owned, 'b')], [true, true]);
    assert.deepEqual(allLateCopies(owned), new Set(['b', 'a']));
    endFormerSet(owned);
    assert.deepEqual(allLateCopies(owned), new Set(['b']));
  });

  it('are all of them while the set of another invoker may differ, until the owner has its own one', () => {
    const peer = { instance: 1, url: 'http://invoker1' };
    const differing = { peer, epoch: 5, complete: true, unsure: true };
    const late = (copies: object, more = {}): boolean => {
      const set = { ...differing, ...copies };
      return hasLateCopy(
        { ...owning(), base: { epoch: 5, complete: true }, copies: new Map([[1, set]]), ...more },
        'k',
      );
    };
    assert.equal(late({}), true);
    assert.equal(late({ epoch: 3, until: 5 }), true);
    for (const other of [{ unsure: undefined }, { lost: true }, { epoch: 4 }]) assert.equal(late(other), false);
    assert.equal(late({ unsure: undefined }, { base: { epoch: 5, complete: true, unsure: true } }), true);
    assert.equal(late({}, { copiedTo: { peer, epoch: 6, complete: true } }), false);
  });

  it('come back if another set is not completed', () => {
    const owned = owning();
    noteLateCopy(owned, 'a');
    beginAnotherSet(owned);
    noteLateCopy(owned, 'b');
    returnToFormerSet(owned);
    assert.deepEqual(owned.lateCopies, new Set(['b', 'a']));
    owned.lateCopies = 'many';
    beginAnotherSet(owned);
    assert.equal(allLateCopies(owned), 'many');
    returnToFormerSet(owned);
    assert.equal(owned.lateCopies, 'many');
  });
});
