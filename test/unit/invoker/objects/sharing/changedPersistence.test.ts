import assert from 'node:assert/strict';
import type { ObjectMemory } from '../../../../../invoker/objects/memory/ObjectMemory.js';
import type { StoredObject } from '../../../../../invoker/objects/memory/StoredObject.js';
import { newlyOwned, type Owned } from '../../../../../invoker/objects/sharing/ColorStates.js';
import type { CopyChange } from '../../../../../invoker/objects/sharing/Replication.js';
import { Safety } from '../../../../../invoker/objects/sharing/Safety.js';
import { StoredKeyLists } from '../../../../../invoker/objects/sharing/StoredKeyLists.js';
import { ObjectError } from '../../../../../shared/objects/ObjectError.js';
import type { Persistence } from '../../../../../shared/objects/ObjectRequest.js';
import { A, at, newMemory, put, refused, textOf } from '../memory/memories.js';
import { MapStore } from './MapStore.js';

const OBJECT = at('k');
const NEXT = { instance: 1, url: 'http://127.0.0.1:1' };

describe('a change of the persistence of an object', () => {
  /** What has changed at the next home and in the store, in this order. */
  let steps: string[];
  let copy: string | undefined;
  let copyFails: boolean;
  let store: MapStore;
  let memory: ObjectMemory;
  let owned: Owned;
  let safety: Safety;

  class NotingStore extends MapStore {
    override async write(...asked: Parameters<MapStore['write']>): Promise<void> {
      await super.write(...asked);
      steps.push('stored');
    }

    override async remove(...asked: Parameters<MapStore['remove']>): Promise<void> {
      await super.remove(...asked);
      steps.push('removed from the store');
    }
  }

  beforeEach(() => {
    [steps, copy, copyFails] = [[], undefined, false];
    [store, memory] = [new NotingStore(), newMemory()];
    own();
    const change = async ({ object, onSend, onCopied }: CopyChange): Promise<void> => {
      onSend();
      if (copyFails) throw new ObjectError(503, 'The next home does not answer.');
      copy = object?.persistence === 'replicated' ? textOf(object) : undefined;
      steps.push(copy === undefined ? 'removed the copy' : 'copied');
      onCopied();
    };
    safety = new Safety({
      memory,
      store,
      storedKeys: new StoredKeyLists(),
      recovery: { dropEarlier: async () => undefined },
      replication: { change },
      now: () => 0,
      owned: () => owned,
      held: () => true,
    });
  });

  /** Begins another ownership, which has not searched the store yet. */
  function own(): void {
    owned = newlyOwned({ namespace: A, color: 'c', policy: undefined, epoch: 5, lapses: 0, validMs: 1000 });
    owned.others = [NEXT];
  }

  function settle(object: StoredObject | undefined, before: StoredObject | undefined): Promise<void> {
    return safety.settle({ namespace: A, address: OBJECT, object, before }) ?? Promise.resolve();
  }
  const object = (): StoredObject | undefined => memory.peek(A, OBJECT, 0);
  function write(text: string, persistence: Persistence): Promise<void> {
    const before = object();
    return settle(put(memory, A, OBJECT.key, text, 0, { persistence }).object, before);
  }
  function remove(): Promise<void> {
    const before = object();
    memory.delete(A, OBJECT, undefined, 0);
    return settle(undefined, before);
  }
  const stored = async (): Promise<string | undefined> => (await store.read(A, OBJECT, 100))?.bytes.text();

  it('from stored to replicated keeps the stored object until the copy is there', async () => {
    await write('one', 'stored');
    copyFails = true;
    await assert.rejects(write('two', 'replicated'), refused(502));
    assert.deepEqual([store.size, textOf(object()), object()?.persistence], [1, 'one', 'stored']);
    copyFails = false;
    steps = [];
    await write('two', 'replicated');
    assert.deepEqual([steps, copy, store.size], [['copied', 'removed from the store'], 'two', 0]);
  });

  it('from replicated to stored keeps the copy until the object is stored', async () => {
    await write('one', 'replicated');
    store.failing = true;
    await assert.rejects(write('two', 'stored'), refused(503, /store does not answer/));
    assert.deepEqual([copy, textOf(object()), object()?.persistence], ['one', 'one', 'replicated']);
    store.failing = false;
    steps = [];
    await write('two', 'stored');
    assert.deepEqual([steps, copy, await stored()], [['stored', 'removed the copy'], undefined, 'two']);
  });

  it('from stored to replicated stays if only the copy is made: the store may have lost the object before it', async () => {
    await write('one', 'stored');
    store.failing = true;
    await assert.rejects(write('two', 'replicated'), refused(502));
    assert.deepEqual([copy, textOf(object()), object()?.persistence], ['two', 'two', 'replicated']);
    assert.ok(owned.hidden.has(OBJECT.key));
    store.failing = false;
    steps = [];
    await write('three', 'stored');
    assert.deepEqual([steps, copy, await stored()], [['stored', 'removed the copy'], undefined, 'three']);
  });

  /** The next home has 'one', and the store has 'two', which was never acknowledged. Another owner begins with the copy. */
  async function leaveInStore(): Promise<void> {
    await write('one', 'replicated');
    copyFails = true;
    await assert.rejects(write('two', 'stored'), refused(502));
    assert.deepEqual([copy, store.size, textOf(object())], ['one', 1, 'one']);
    copyFails = false;
    own();
    steps = [];
  }

  it('that was not acknowledged does not come back from the store after a delete', async () => {
    await leaveInStore();
    await remove();
    // The copy hides what is in the store until that is removed.
    assert.deepEqual([steps, store.size], [['removed from the store', 'removed the copy'], 0]);
  });

  for (const persistence of ['replicated', 'memory'] as const) {
    it(`that was not acknowledged does not come back from the store after a change (${persistence})`, async () => {
      await leaveInStore();
      await write('three', persistence);
      // A replicated object does not wait for the store, until it is deleted.
      assert.equal(store.size, persistence === 'replicated' ? 1 : 0);
      await remove();
      assert.deepEqual([copy, store.size], [undefined, 0]);
    });
  }

  it('that was not acknowledged is removed from the store at the next change if the keys there are known', async () => {
    await leaveInStore();
    owned.stored = new Set([OBJECT.key]);
    await write('three', 'replicated');
    assert.deepEqual([steps, store.size], [['copied', 'removed from the store'], 0]);
  });

  it('is removed from the store at the next change if the write ended too late', async () => {
    owned.stored = new Set();
    store.failing = true;
    await assert.rejects(write('one', 'stored'), refused(502));
    assert.deepEqual([owned.stored.has(OBJECT.key), object()], [true, undefined]);
    store.failing = false;
    const { object: late } = put(newMemory(), A, OBJECT.key, 'one', 0, { persistence: 'stored' });
    await store.write(A, OBJECT, { ...late, ttlMs: undefined }, 5);
    await write('two', 'memory');
    assert.equal(store.size, 0);
    assert.equal(owned.stored.has(OBJECT.key), false);
  });
});
