import assert from 'node:assert/strict';
import type { ObjectMemory } from '../../../../../invoker/objects/memory/ObjectMemory.js';
import { colorKey } from '../../../../../invoker/objects/sharing/colorKey.js';
import { newlyOwned, type Owned } from '../../../../../invoker/objects/sharing/ColorStates.js';
import { CopySets } from '../../../../../invoker/objects/sharing/CopySets.js';
import { Holders } from '../../../../../invoker/objects/sharing/Holders.js';
import { PeerClient } from '../../../../../invoker/objects/sharing/PeerClient.js';
import { Replication } from '../../../../../invoker/objects/sharing/Replication.js';
import { Safety } from '../../../../../invoker/objects/sharing/Safety.js';
import { StoredKeyLists } from '../../../../../invoker/objects/sharing/StoredKeyLists.js';
import type { WriteOptions } from '../../../../../shared/objects/ObjectRequest.js';
import { A, at, newMemory, put, refused } from '../memory/memories.js';
import { MapStore } from './MapStore.js';

const OBJECT = at('k');

/** A store that notes its writes. */
class NotingStore extends MapStore {
  /** The keys. */
  tried: string[] = [];

  override write(...asked: Parameters<MapStore['write']>): Promise<void> {
    this.tried.push(asked[1].key);
    return super.write(...asked);
  }
}

describe('a change that is not safe yet', () => {
  let now: () => number;
  let store: NotingStore;
  let memory: ObjectMemory;
  let peers: PeerClient;
  let owned: Owned;
  let isOwned: boolean;
  let safety: Safety;

  beforeEach(() => {
    now = () => 0;
    isOwned = true;
    [store, memory, peers] = [new NotingStore(), newMemory(), new PeerClient('secret', 'invoker0')];
    owned = newlyOwned({ policy: undefined, epoch: 5, lapses: 0, validMs: 1000 });
    const parts = {
      memory,
      peers,
      sets: new CopySets(memory),
      store,
      storedKeys: new StoredKeyLists(),
      holders: new Holders(
        peers,
        () => now(),
        () => undefined,
      ),
      now: () => now(),
      owned: () => (isOwned ? owned : undefined),
    };
    const replication = new Replication({ ...parts, fetch: async () => false, replaces: () => false });
    safety = new Safety({ ...parts, replication, held: () => true });
  });
  afterEach(() => peers.close());

  /** Writes an object, which cannot be stored. */
  async function changeUnsafely(options: Partial<WriteOptions> = {}, key = OBJECT.key): Promise<void> {
    // The keys of the color are known, so that only the write fails.
    owned.stored = new Set();
    store.failing = true;
    const { object } = put(memory, A, key, 'x', 0, { persistence: 'stored', ...options });
    const settled = safety.settle({ namespace: A, address: at(key), object, before: undefined });
    assert.ok(settled);
    await assert.rejects(settled, refused(502, /does not answer/));
  }

  it('is tried again once for all requests that wait for it', async () => {
    await changeUnsafely();
    store.tried = [];
    const waiting = Array.from({ length: 3 }, async () => safety.unsafe(A, OBJECT));
    for (const each of waiting) await assert.rejects(each, refused(503, /does not answer/));
    assert.equal(store.tried.length, 1);
    store.failing = false;
    assert.equal(await safety.unsafe(A, OBJECT), 'over');
    assert.equal(safety.isChanging(A, OBJECT), false);
  });

  it('is over when its object is evicted, so that an earlier version can be fetched for another set of copies', async () => {
    await changeUnsafely();
    assert.equal(safety.isChanging(A, OBJECT), true);
    memory.delete(A, OBJECT, undefined, 0);
    assert.equal(safety.isChanging(A, OBJECT), false);
    // Another search waits for the first one.
    const searched = safety.alone(A, OBJECT, async () => 'over');
    assert.ok(safety.recovering(A, OBJECT));
    await searched;
  });

  it('is not over while it is under way, or if it is a delete', async () => {
    await changeUnsafely();
    const release = store.hold();
    const again = safety.unsafe(A, OBJECT);
    memory.delete(A, OBJECT, undefined, 0);
    assert.equal(safety.isChanging(A, OBJECT), true);
    store.failing = false;
    release();
    await again;
    store.failing = true;
    const before = { persistence: 'stored' } as const;
    const deleted = safety.settle({ namespace: A, address: OBJECT, object: undefined, before });
    assert.ok(deleted);
    await assert.rejects(deleted, refused(502));
    assert.equal(safety.isChanging(A, OBJECT), true);
  });

  const KEYS = Array.from({ length: 6 }, (_, i) => `k${i}`);
  const stillUnsafe = (): string[] => KEYS.filter((key) => safety.isChanging(A, at(key)));

  async function changeAllUnsafely(): Promise<void> {
    for (const key of KEYS) await changeUnsafely({}, key);
    assert.deepEqual(stillUnsafe(), KEYS);
    store.tried = [];
  }

  it('is made safe without a request for its object as soon as that works', async () => {
    await changeAllUnsafely();
    store.failing = false;
    await safety.tend();
    assert.deepEqual([stillUnsafe(), store.size, store.tried], [[], KEYS.length, KEYS]);
  });

  it('is tried again by turns with others, and only some of them at a time', async () => {
    await changeAllUnsafely();
    await safety.tend();
    assert.deepEqual(store.tried, KEYS.slice(0, 4));
    // Another call while one is under way does nothing.
    await Promise.all([safety.tend(), safety.tend()]);
    assert.deepEqual(store.tried, [...KEYS.slice(0, 4), 'k4', 'k5', 'k0', 'k1']);
    assert.deepEqual(stillUnsafe(), KEYS);
  });

  it('leaves room for others when its object is evicted, or the color is not owned any more', async () => {
    await changeAllUnsafely();
    const deleted = safety.settle({
      namespace: A,
      address: at('k0'),
      object: undefined,
      before: { persistence: 'stored' },
    });
    await assert.rejects(deleted ?? Promise.resolve(), refused(502));
    memory.delete(A, at('k5'), undefined, 0);
    store.tried = [];
    isOwned = false;
    await safety.tend();
    isOwned = true;
    assert.deepEqual([stillUnsafe(), store.tried], [[], []]);
    assert.equal(memory.peek(A, at('k1'), 0), undefined);
  });

  it('is taken back if its object expires just then', async () => {
    await changeUnsafely({ ttlMs: 1000 });
    const times = [999];
    now = () => times.shift() ?? 1000;
    safety.takeBack(colorKey(A, OBJECT.color));
    assert.equal(safety.isChanging(A, OBJECT), false);
    assert.equal(memory.peek(A, OBJECT, 1000), undefined);
  });
});
