import assert from 'node:assert/strict';
import type { ObjectMemory } from '../../../../../invoker/objects/memory/ObjectMemory.js';
import { newlyOwned, type Owned } from '../../../../../invoker/objects/sharing/ColorStates.js';
import { CopyRequests } from '../../../../../invoker/objects/sharing/CopyRequests.js';
import type { StoredColor } from '../../../../../invoker/objects/sharing/ObjectStore.js';
import { PeerClient } from '../../../../../invoker/objects/sharing/PeerClient.js';
import { Recovery } from '../../../../../invoker/objects/sharing/Recovery.js';
import { Replication } from '../../../../../invoker/objects/sharing/Replication.js';
import { Safety } from '../../../../../invoker/objects/sharing/Safety.js';
import { StoredKeyLists } from '../../../../../invoker/objects/sharing/StoredKeyLists.js';
import { A, at, newMemory, put, refused } from '../memory/memories.js';
import { aloneWith } from './homes.js';
import { MapStore } from './MapStore.js';

const LOST = /taken the color over/;
const OBJECT = at('k');

/** A store that answers a search for keys when a test says so, and notes its other calls. */
class WaitingStore extends MapStore {
  readonly calls: string[] = [];
  #answer: (answer: StoredColor) => void = () => undefined;
  readonly #answered = new Promise<StoredColor>((resolve) => (this.#answer = resolve));

  answer(answer: StoredColor): void {
    this.#answer(answer);
  }

  override keys(): Promise<StoredColor> {
    return this.#answered;
  }

  override read(...asked: Parameters<MapStore['read']>): ReturnType<MapStore['read']> {
    this.calls.push('read');
    return super.read(...asked);
  }

  override write(...asked: Parameters<MapStore['write']>): Promise<void> {
    this.calls.push('write');
    return super.write(...asked);
  }

  override remove(...asked: Parameters<MapStore['remove']>): Promise<void> {
    this.calls.push('remove');
    return super.remove(...asked);
  }
}

describe('an ownership that ends while the store is searched for the keys of the color', () => {
  const own = newlyOwned({ namespace: A, color: 'c', policy: undefined, epoch: 5, lapses: 0, validMs: 1000 });
  /** The next owner has made the epoch of a stored object higher. */
  const taken: StoredColor = { keys: new Set([OBJECT.key]), epoch: 9 };
  let store: WaitingStore;
  let memory: ObjectMemory;
  let peers: PeerClient;
  let recovery: Recovery;
  let safety: Safety;
  let current: Owned | undefined;

  beforeEach(() => {
    [store, memory, peers] = [new WaitingStore(), newMemory(), new PeerClient('secret', 'invoker0')];
    current = { ...own };
    const parts = {
      memory,
      peers,
      requests: new CopyRequests(peers, () => 0),
      store,
      storedKeys: new StoredKeyLists(),
      now: () => 0,
      owned: () => current,
    };
    recovery = new Recovery(parts);
    const replication = new Replication({
      ...parts,
      instance: 0,
      ...aloneWith(peers),
      changing: { changingKeys: () => [], toCopy: () => undefined },
    });
    // As for a color that is being handed over, not one that was lost in silence.
    safety = new Safety({ ...parts, recovery, replication, held: () => true });
  });
  afterEach(() => peers.close());

  function owned(): Owned {
    assert.ok(current);
    return current;
  }

  /** Writes an object, and stores it. */
  function change(): Promise<void> {
    const { object } = put(memory, A, OBJECT.key, 'x', 0, { persistence: 'stored' });
    const settled = safety.settle({ namespace: A, address: OBJECT, object, before: undefined });
    assert.ok(settled);
    return settled;
  }

  for (const next of ['none', 'a later one of this invoker'] as const) {
    it(`does not read the object, which would shut the next owner out (ownership now: ${next})`, async () => {
      const ended = owned();
      const search = recovery.recover(A, OBJECT, ended);
      current = next === 'none' ? undefined : { ...own, epoch: 7 };
      store.answer(taken);
      await assert.rejects(search, refused(503, LOST));
      assert.deepEqual(store.calls, []);
      assert.equal(ended.epoch, own.epoch, 'its claim must stay below that of the next owner');
    });

    it(`does not write the object (ownership now: ${next})`, async () => {
      const written = change();
      current = next === 'none' ? undefined : { ...own, epoch: 7 };
      store.answer(taken);
      await assert.rejects(written, refused(503, LOST));
      assert.deepEqual(store.calls, []);
      assert.equal(memory.peek(A, OBJECT, 0), undefined, 'it is taken back');
    });
  }

  it('is doubted if the store knows a later one', async () => {
    store.answer({ keys: new Set(), epoch: 0 });
    await change();
    assert.equal(owned().doubted, false);
    await store.read(A, OBJECT, 9);
    await assert.rejects(change(), refused(502, LOST));
    assert.equal(owned().doubted, true);
  });

  it('does not tell a home that owns the color again that there is no object', async () => {
    store.answer({ keys: new Set([OBJECT.key]), epoch: 1 });
    const release = store.hold();
    const searched = recovery.recover(A, OBJECT, owned());
    while (store.calls.length === 0) await new Promise(setImmediate);
    current = { ...own, epoch: 7 };
    release();
    await assert.rejects(searched, refused(503, LOST));
  });

  it('finishes a change if the keys were known before', async () => {
    store.answer(taken);
    await recovery.recover(A, OBJECT, owned());
    assert.deepEqual(store.calls, ['read']);
    const written = change();
    current = undefined;
    await written;
    assert.deepEqual(store.calls, ['read', 'write']);
  });
});
