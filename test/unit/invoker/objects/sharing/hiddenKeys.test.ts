import assert from 'node:assert/strict';
import { listColor } from '../../../../../invoker/objects/sharing/listColor.js';
import { ObjectError } from '../../../../../shared/objects/ObjectError.js';
import type { ListRequest } from '../../../../../shared/objects/ObjectRequest.js';
import { A, at, newMemory, put, refused } from '../memory/memories.js';
import { GUEST } from './cluster.js';
import { COLOR, TestHomes, type TestHome } from './homes.js';
import { MapStore } from './MapStore.js';

const ASKED: ListRequest = { kind: 'list', color: COLOR, prefix: '', after: undefined, limit: 10, policy: undefined };

describe('an object with a TTL that came from a set of copies, of which the store has an earlier version', () => {
  const homes = new TestHomes();
  let store: MapStore;
  let home: TestHome;
  let time: number;

  beforeEach(async () => {
    [store, time] = [new MapStore(), 0];
    home = homes.add({ store });
    home.now = () => time;
    await leave('k');
    home.put('k', 'copy', 'replicated', 10);
    home.owned.hidden.add('k');
  });
  afterEach(() => homes.close());

  async function leave(key: string): Promise<void> {
    const { object } = put(newMemory(), A, key, 'earlier', 0, { persistence: 'stored' });
    await store.write(GUEST, at(key), { ...object, ttlMs: undefined }, 1);
  }
  const search = () => home.recovery.recover(GUEST, at('k'), home.owned);
  const list = async (): Promise<string[]> => {
    const { memory, safety, recovery } = home;
    const parts = { memory, safety, recovery, store, now: () => time, owned: () => home.owned };
    return (await listColor(parts, GUEST, ASKED)).objects.map(({ key, bytes }) => `${key}: ${bytes}`);
  };

  it('does not come back from the store when its time is over', async () => {
    time = 10;
    assert.equal(await search(), 'missing');
    assert.deepEqual([home.textOf('k'), store.size, home.owned.hidden.size], [undefined, 0, 0]);
    assert.equal(await search(), 'missing');
  });

  it('is not missing without the store', async () => {
    time = 10;
    store.failing = true;
    await assert.rejects(search(), refused(503));
    store.failing = false;
    assert.equal(await search(), 'missing');
  });

  it('is listed until its time is over, and its earlier version is not', async () => {
    await leave('other');
    assert.deepEqual(await list(), ['k: 4', 'other: 7']);
    time = 10;
    assert.deepEqual([await list(), store.size], [['other: 7'], 1]);
  });

  it('may be stored again', async () => {
    time = 10;
    await home.change('k', 'stored', 'stored');
    assert.equal(home.owned.hidden.size, 0);
    home.memory.delete(GUEST, at('k'), undefined, time);
    assert.equal(await search(), 'found');
    assert.deepEqual([home.textOf('k'), await list()], ['stored', ['k: 6']]);
  });

  it('is not removed from the store by an owner that has lost the color', async () => {
    time = 10;
    await home.storedKeys.of({ store, isOwned: () => true }, home.owned, GUEST, COLOR);
    home.isOwned = false;
    await assert.rejects(search(), refused(503));
    assert.equal(store.size, 1);
  });

  it('is found in the store if another one than that hides nothing', async () => {
    home.owned.hidden.clear();
    time = 10;
    assert.equal(await search(), 'found');
    assert.equal(home.textOf('k'), 'earlier');
  });
});

describe('an object whose first write to the store failed, in a color with too many objects there', () => {
  const homes = new TestHomes();
  afterEach(() => homes.close());

  for (const hidden of [0, 1000]) {
    it(`does not come back after a change and an eviction (${hidden} other keys are remembered)`, async () => {
      const store = new MapStore();
      const home = homes.add({ store });
      home.owned.stored = 'many';
      for (let other = 0; other < hidden; other++) home.owned.hidden.add(`other${other}`);
      const [write, remove] = [store.write.bind(store), store.remove.bind(store)];
      store.write = async (...asked) => {
        await write(...asked);
        throw new ObjectError(503, 'The answer got lost.');
      };
      store.remove = () => Promise.reject(new ObjectError(503, 'The store does not work.'));
      await assert.rejects(home.change('k', 'one', 'stored'), refused(502));
      store.write = write;
      store.remove = remove;
      await home.change('k', 'two', 'memory');
      home.memory.delete(GUEST, at('k'), undefined, home.now());
      assert.equal(await home.recovery.recover(GUEST, at('k'), home.owned), 'missing');
    });
  }
});
