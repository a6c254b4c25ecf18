import assert from 'node:assert/strict';
import { eventually } from '../../../../e2e/eventually.js';
import { colorKey } from '../../../../../invoker/objects/sharing/colorKey.js';
import { copiesOf } from '../../../../../invoker/objects/sharing/copies.js';
import { PeerError } from '../../../../../invoker/objects/sharing/PeerClient.js';
import { at, put, refused, textOf } from '../memory/memories.js';
import { GUEST, TestCluster, type Node } from './cluster.js';
import { COLOR, peerOf, silent, TestHomes, type TestHome } from './homes.js';

const KEY = colorKey(GUEST, COLOR);
const peerSet = (node: Node) => ({ peer: peerOf(node), complete: true });

describe('a set of copies that moves', () => {
  const homes = new TestHomes();
  let cluster: TestCluster;
  let b: Node;
  let c: Node;
  let home: TestHome;

  beforeEach(async () => {
    cluster = new TestCluster();
    [b, c] = [await cluster.add(), await cluster.add()];
    home = homes.add({}, b);
  });
  afterEach(async () => {
    await homes.close();
    await cluster.close();
  });

  const copyAt = ({ memory }: Node, key = 'k'): string | undefined =>
    textOf(memory.peek(copiesOf(GUEST), at(key), performance.now()));

  describe('while an object changes', () => {
    /** Holds the next request of an operation back. */
    function hold(operation: string): { begun: Promise<void>; release: (error?: Error) => void } {
      let release: (error?: Error) => void = () => undefined;
      const begun = new Promise<void>((resolve) => {
        home.peers.on(operation, async (send) => {
          const released = new Promise<Error | undefined>((end) => (release = end));
          resolve();
          const error = await released;
          if (error) throw error;
          return send();
        });
      });
      return { begun, release: (error) => release(error) };
    }

    it('has the object before the change until the change waits for it, and the change after that', async () => {
      await home.change('k', 'one');
      const held = hold('copy');
      const changing = home.change('k', 'two');
      await held.begun;
      home.owned.others = [peerOf(c)];
      await home.ensure(c);
      assert.deepEqual([copyAt(b), copyAt(c)], [undefined, 'one']);
      held.release();
      await changing;
      assert.equal(copyAt(c), 'two');
    });

    it('has the object before the change for good if the change is taken back', async () => {
      await home.change('k', 'one');
      const held = hold('copy');
      const changing = assert.rejects(home.change('k', 'two'), refused(502));
      await held.begun;
      home.owned.others = [peerOf(c)];
      await home.ensure(c);
      held.release(silent());
      await changing;
      assert.deepEqual([copyAt(c), home.textOf('k')], ['one', 'one']);
    });

    it('has an object that is being deleted, until it is deleted', async () => {
      await home.change('k', 'one');
      const held = hold('drop');
      const removing = home.remove('k');
      await held.begun;
      home.owned.others = [peerOf(c)];
      await home.ensure(c);
      assert.equal(copyAt(c), 'one');
      held.release();
      await removing;
      assert.equal(copyAt(c), undefined);
    });

    it('lacks an object that is being created, until it is copied', async () => {
      await home.change('other', 'one');
      const held = hold('copy');
      const creating = home.change('k', 'new');
      await held.begun;
      home.owned.others = [peerOf(c)];
      await home.ensure(c);
      assert.deepEqual([copyAt(c), copyAt(c, 'other')], [undefined, 'one']);
      held.release();
      await creating;
      assert.equal(copyAt(c), 'new');
    });

    it('is waited for by a change that begins meanwhile', async () => {
      await home.change('k', 'one');
      home.owned.others = [peerOf(c)];
      const held = hold('complete');
      const moving = home.ensure(c);
      await held.begun;
      const changing = home.change('k', 'two');
      let isDone = false;
      void changing.then(() => (isDone = true));
      for (let i = 0; i < 5; i++) await new Promise(setImmediate);
      assert.deepEqual([isDone, copyAt(b), copyAt(c)], [false, 'one', 'one']);
      held.release();
      await Promise.all([moving, changing]);
      assert.deepEqual([copyAt(b), copyAt(c)], [undefined, 'two']);
    });

    it('gets a change whose answer from the former set came while it was being copied', async () => {
      await home.change('k', 'one');
      let moving: Promise<unknown> | undefined;
      let held = { begun: Promise.resolve(), release: (): void => undefined };
      home.peers.on('copy', async (send) => {
        const answer = await send();
        home.owned.others = [peerOf(c)];
        held = hold('complete');
        moving = home.ensure(c);
        await held.begun;
        return answer;
      });
      const changing = home.change('k', 'two');
      let isDone = false;
      void changing.then(() => (isDone = true));
      await eventually(() => assert.ok(moving));
      await held.begun;
      for (let i = 0; i < 5; i++) await new Promise(setImmediate);
      assert.deepEqual([isDone, copyAt(b), copyAt(c)], [false, 'two', 'one']);
      held.release();
      await Promise.all([moving, changing]);
      assert.deepEqual([copyAt(b), copyAt(c)], [undefined, 'two']);
    });
  });

  describe('when the invoker that is to get it does not answer', () => {
    /** Begins a set at `b`, which does not answer. @returns a function that ends the attempt, and its outcome. */
    async function stuck(): Promise<{ fail: () => void; outcome: Promise<unknown> }> {
      let fail: () => void = () => undefined;
      const begun = new Promise<void>((resolve) => {
        home.peers.on('complete', async () => {
          const failed = new Promise<void>((release) => (fail = release));
          resolve();
          await failed;
          throw silent();
        });
      });
      const outcome = assert.rejects(home.ensure(b), PeerError);
      await begun;
      return { fail, outcome };
    }

    it('fails for all who wait for it, at once', async () => {
      const { fail, outcome } = await stuck();
      let others = 0;
      const waiting = ['k', 'l', 'm'].map((key) => assert.rejects(home.change(key, 'one'), refused(503)));
      home.peers.on('complete', (send) => {
        others++;
        return send();
      });
      fail();
      await Promise.all([outcome, ...waiting]);
      assert.equal(others, 0);
      await home.change('k', 'two');
      assert.equal(others, 1);
    });

    it('goes to the next home that the controllers name then', async () => {
      const { fail, outcome } = await stuck();
      const changed = home.change('k', 'one');
      home.owned.others = [peerOf(c), peerOf(b)];
      fail();
      await Promise.all([outcome, changed]);
      assert.equal(home.owned.copiedTo?.peer.instance, c.instance);
      assert.equal(copyAt(c), 'one');
      assert.equal(b.sharing.sets.get(KEY), undefined);
    });
  });

  it('is removed where it could not be completed, when another one is complete', async () => {
    await home.change('k', 'one');
    home.peers.on('complete', () => Promise.reject(silent()));
    await assert.rejects(home.ensure(c), PeerError);
    assert.equal(copyAt(c), 'one');
    // The next home is the former one again.
    await home.change('k', 'two');
    assert.equal(copyAt(c), undefined);
    assert.equal(c.sharing.sets.get(KEY), undefined);
    assert.equal(copyAt(b), 'two');
  });

  it('loses what the home does not have before it gets the rest: there may be memory for one of them only', async () => {
    const copies = [{ ...peerSet(b), epoch: 5 }];
    const next = homes.add({ copies, base: { epoch: 6, complete: true, since: 5 } }, b);
    b.sharing.sets.complete({ namespace: GUEST, color: COLOR, policy: undefined }, 5);
    // A change that the former home has taken back.
    put(b.memory, copiesOf(GUEST), 'late', 'x'.repeat(10_000), performance.now(), { persistence: 'replicated' });
    next.put('k', 'y'.repeat(10_000));
    b.memory.resize(b.memory.usedBytes + 4000);
    await next.change('l', 'one');
    assert.deepEqual([copyAt(b, 'late'), copyAt(b)?.length, copyAt(b, 'l')], [undefined, 10_000, 'one']);
  });

  it('leaves the former one in use if its memory is too small', async () => {
    for (const key of ['k', 'l']) await home.change(key, 'x'.repeat(10_000));
    const { boundBytes } = c.memory;
    c.memory.resize(12_000);
    home.owned.others = [peerOf(c)];
    await assert.rejects(home.change('k', 'two'), refused(503, /does not take the copy/));
    assert.deepEqual([b.sharing.sets.get(KEY)?.complete, copyAt(b)?.length], [true, 10_000]);
    assert.notEqual(c.sharing.sets.get(KEY)?.complete, true);
    assert.equal(home.textOf('k')?.length, 10_000);
    c.memory.resize(boundBytes);
    await home.change('k', 'two');
    assert.deepEqual([b.sharing.sets.get(KEY), copyAt(c)], [undefined, 'two']);
  });
});
