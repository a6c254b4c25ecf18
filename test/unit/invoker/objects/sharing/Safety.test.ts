import assert from 'node:assert/strict';
import { colorKey } from '../../../../../invoker/objects/sharing/colorKey.js';
import { CopyRefused } from '../../../../../invoker/objects/sharing/CopyRequests.js';
import type { StoredObject } from '../../../../../invoker/objects/memory/StoredObject.js';
import { newlyOwned, type Owned } from '../../../../../invoker/objects/sharing/ColorStates.js';
import type { CopyChange } from '../../../../../invoker/objects/sharing/Replication.js';
import { Safety } from '../../../../../invoker/objects/sharing/Safety.js';
import { StoredKeyLists } from '../../../../../invoker/objects/sharing/StoredKeyLists.js';
import type { Persistence } from '../../../../../shared/objects/ObjectRequest.js';
import { A, at, newMemory, put, refused, textOf } from '../memory/memories.js';
import { silent } from './homes.js';
import { MapStore } from './MapStore.js';

const K = at('k');
const COLOR = colorKey(A, K.color);
const NEXT = { instance: 1, url: 'http://invoker1' };
const LOST = /taken the color over/;

describe('a change of an object', () => {
  let now: number;
  let store: MapStore;
  let memory: ReturnType<typeof newMemory>;
  let owned: Owned;
  let isOwned: boolean;
  let isHeld: boolean;
  /** What a request for a copy does. */
  let copying: (change: CopyChange) => Promise<void>;
  let copies: string[];
  let safety: Safety;

  beforeEach(() => {
    [now, isOwned, isHeld, copies] = [0, true, true, []];
    [store, memory] = [new MapStore(), newMemory()];
    owned = newlyOwned({ namespace: A, color: 'c', policy: undefined, epoch: 5, lapses: 0, validMs: 1000 });
    owned.others = [NEXT];
    copying = async () => undefined;
    const change = async (asked: CopyChange): Promise<void> => {
      asked.onSend();
      await copying(asked);
      copies.push(`${asked.address.key}: ${textOf(asked.object)}`);
      asked.onCopied();
    };
    safety = new Safety({
      memory,
      store,
      storedKeys: new StoredKeyLists(),
      replication: { change },
      recovery: { dropEarlier: async () => undefined },
      now: () => now,
      owned: () => (isOwned ? owned : undefined),
      held: () => isHeld,
    });
  });

  const object = (): StoredObject | undefined => memory.peek(A, K, now);
  const settle = (after: StoredObject | undefined, before: StoredObject | undefined): Promise<void> | undefined =>
    safety.settle({ namespace: A, address: K, object: after, before });
  function write(text: string, persistence: Persistence, ttlMs?: number): Promise<void> {
    const before = object();
    return settle(put(memory, A, 'k', text, now, { persistence, ttlMs }).object, before) ?? Promise.resolve();
  }
  function remove(): Promise<void> {
    const before = memory.delete(A, K, undefined, now);
    return settle(undefined, before) ?? Promise.resolve();
  }
  const fail = (error: Error) => async (): Promise<void> => {
    throw error;
  };
  /** Holds the next copy back. @returns a function that lets it through. */
  function holdCopy(): () => void {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    copying = () => held;
    return release;
  }

  it('of an object of memory is safe at once, and needs nobody, if the store is known to have no version of it', () => {
    owned.stored = new Set();
    assert.equal(settle(put(memory, A, 'k', 'one').object, undefined), undefined);
    assert.deepEqual([copies, store.size, safety.busy(A, K)], [[], 0, undefined]);
  });

  for (const persistence of ['replicated', 'stored'] as const) {
    describe(`of a ${persistence} object`, () => {
      /** All places of the object fail, after a request that may arrive. */
      function failAll(): void {
        copying = fail(silent());
        store.failing = true;
      }
      beforeEach(() => {
        // The keys of the color are known, so that only the change itself fails.
        owned.stored = new Set();
      });

      it('is taken back if it cannot be made safe: nobody reads it after that', async () => {
        failAll();
        await assert.rejects(write('one', persistence), refused(502, /may get lost/));
        assert.deepEqual([object(), safety.busy(A, K), memory.usedBytes], [undefined, undefined, 0]);
      });

      it('is taken back to the object before it', async () => {
        await write('one', persistence);
        const before = object();
        failAll();
        await assert.rejects(write('two', persistence), refused(502));
        assert.equal(object(), before);
        await assert.rejects(remove(), refused(502));
        assert.equal(object(), before);
        await assert.rejects(write('two', 'memory'), refused(502));
        assert.equal(object(), before);
      });

      it('is waited for by other operations', async () => {
        const release = persistence === 'stored' ? store.hold() : holdCopy();
        const writing = write('one', persistence);
        const busy = safety.busy(A, K);
        assert.ok(busy);
        let isOver = false;
        void busy.then(() => (isOver = true));
        for (let i = 0; i < 5; i++) await new Promise(setImmediate);
        assert.equal(isOver, false);
        release();
        await writing;
        assert.equal(await busy, 'over');
        assert.equal(safety.busy(A, K), undefined);
      });

      it('is not acknowledged if the color was lost in silence meanwhile', async () => {
        const release = persistence === 'stored' ? store.hold() : holdCopy();
        const writing = write('one', persistence);
        // The request is on its way.
        for (let i = 0; i < 5; i++) await new Promise(setImmediate);
        isHeld = false;
        release();
        await assert.rejects(writing, refused(502, LOST));
        assert.equal(object(), undefined);
      });

      it('is not acknowledged if it was taken back meanwhile, although its requests succeed', async () => {
        await write('one', persistence);
        const release = persistence === 'stored' ? store.hold() : holdCopy();
        const writing = write('two', persistence);
        for (let i = 0; i < 5; i++) await new Promise(setImmediate);
        assert.equal(textOf(object()), 'two');
        assert.equal(safety.takeBack(COLOR), true);
        assert.equal(textOf(object()), 'one');
        assert.equal(safety.takeBack(COLOR), false);
        release();
        await assert.rejects(writing, refused(502, LOST));
        assert.equal(textOf(object()), 'one');
      });

      it('is not acknowledged if the ownership has ended', async () => {
        owned.retired = true;
        await assert.rejects(write('one', persistence), refused(persistence === 'stored' ? 503 : 502, LOST));
        assert.equal(object(), undefined);
      });
    });
  }

  it('that nobody owns any more changes nothing', async () => {
    isOwned = false;
    await assert.rejects(write('one', 'replicated'), refused(503, LOST));
    assert.deepEqual([object(), copies], [undefined, []]);
  });

  describe('responds 503 if nothing can have changed elsewhere', () => {
    it('without a second invoker', async () => {
      owned.others = [];
      await assert.rejects(write('one', 'replicated'), refused(503, /second invoker/));
      assert.equal(object(), undefined);
    });

    it('if the next home refuses the copy', async () => {
      copying = fail(new CopyRefused(503, 'It lacks memory.'));
      await assert.rejects(write('one', 'replicated'), refused(503, /lacks memory/));
      assert.equal(object(), undefined);
    });

    it('if the store does not tell its keys', async () => {
      store.failing = true;
      await assert.rejects(write('one', 'stored'), refused(503, /store does not answer/));
      assert.equal(object(), undefined);
    });

    it('and not if the store has it already when the next home refuses the copy', async () => {
      owned.stored = new Set();
      await write('one', 'replicated');
      copying = fail(new CopyRefused(503, 'It lacks memory.'));
      await assert.rejects(write('two', 'stored'), refused(502, /lacks memory/));
      assert.deepEqual([store.size, textOf(object())], [1, 'one']);
    });
  });

  it('that was copied and then taken back is one that the set may still have', async () => {
    owned.stored = new Set();
    await write('one', 'memory');
    // An earlier change may have left a version there.
    owned.stored.add('k');
    store.failing = true;
    await assert.rejects(write('two', 'replicated'), refused(502));
    assert.deepEqual([copies, textOf(object())], [['k: two'], 'one']);
    assert.deepEqual(owned.lateCopies, new Set(['k']));
  });

  it('is not taken back to an object whose time is over meanwhile', async () => {
    await write('one', 'replicated', 100);
    const release = holdCopy();
    const writing = write('two', 'replicated');
    now = 100;
    isHeld = false;
    release();
    await assert.rejects(writing, refused(502));
    assert.equal(object(), undefined);
    assert.equal(memory.usedBytes, 0);
  });

  it('is taken back to the object before it if its own time is over meanwhile', async () => {
    await write('one', 'replicated');
    const release = holdCopy();
    const writing = write('two', 'replicated', 100);
    now = 100;
    isHeld = false;
    release();
    await assert.rejects(writing, refused(502));
    assert.equal(textOf(object()), 'one');
  });

  it('does not bring back an object of a color that was cleared meanwhile', async () => {
    await write('one', 'replicated');
    const release = holdCopy();
    const writing = write('two', 'replicated');
    memory.clear(A, 'c');
    isHeld = false;
    release();
    await assert.rejects(writing, refused(502));
    assert.equal(object(), undefined);
  });

  it('leaves no memory counted', async () => {
    await write('one', 'replicated');
    const used = memory.usedBytes;
    copying = fail(silent());
    await assert.rejects(write('two!!', 'replicated'), refused(502));
    await assert.rejects(remove(), refused(502));
    assert.equal(memory.usedBytes, used);
    copying = async () => undefined;
    await remove();
    assert.deepEqual([memory.usedBytes, memory.keptBytes, memory.counts().namespaces], [0, 0, 0]);
  });

  it('is in the copy of a set as the former set has it', async () => {
    const versions = (): (string | undefined)[] =>
      safety.changingKeys(COLOR).map((key) => textOf(safety.toCopy(COLOR, key)?.object));
    await write('one', 'replicated');
    assert.deepEqual(versions(), []);
    const release = holdCopy();
    const before = store.hold();
    owned.stored = new Set(['k']);
    const writing = write('two', 'replicated');
    assert.deepEqual(versions(), ['one']);
    release();
    while (copies.length < 2) await new Promise(setImmediate);
    // It has been copied, and the store still has a version.
    assert.deepEqual(versions(), ['two']);
    assert.deepEqual([safety.changingKeys(`${COLOR}r`), safety.toCopy(`${COLOR}r`, 'k')], [[], undefined]);
    before();
    await writing;
    assert.deepEqual(versions(), []);
  });

  it('that deletes an object leaves it in the copy of a set until the former set lacks it', async () => {
    await write('one', 'replicated');
    const release = holdCopy();
    const removing = remove();
    assert.equal(textOf(safety.toCopy(COLOR, 'k')?.object), 'one');
    release();
    await removing;
    assert.deepEqual(safety.changingKeys(COLOR), []);
  });

  it('counts for lists as one that became safe or not', async () => {
    const all = (): boolean => true;
    assert.equal(await safety.allSafe(COLOR, all), true);
    copying = fail(silent());
    const failing = write('one', 'replicated');
    const [listed, others] = [safety.allSafe(COLOR, all), safety.allSafe(COLOR, (key) => key !== 'k')];
    await assert.rejects(failing, refused(502));
    assert.deepEqual([await listed, await others], [false, true]);
    copying = async () => undefined;
    const writing = write('one', 'replicated');
    assert.equal(await safety.allSafe(COLOR, all), true);
    await writing;
  });

  it('is waited for before a handover, but not for ever', async () => {
    await safety.quiet(COLOR, 1);
    const release = holdCopy();
    const writing = write('one', 'replicated');
    await safety.quiet(`${COLOR}r`, 1);
    await assert.rejects(safety.quiet(COLOR, 1), refused(503, /under way/));
    const quiet = safety.quiet(COLOR, 60_000);
    release();
    await Promise.all([quiet, writing]);
  });
});
