import assert from 'node:assert/strict';
import type { StoredObject } from '../../../../../invoker/objects/memory/StoredObject.js';
import { copiesOf } from '../../../../../invoker/objects/sharing/copies.js';
import { Safety } from '../../../../../invoker/objects/sharing/Safety.js';
import { StoredKeyLists } from '../../../../../invoker/objects/sharing/StoredKeyLists.js';
import type { Persistence } from '../../../../../shared/objects/ObjectRequest.js';
import { at, put, refused } from '../memory/memories.js';
import { GUEST, TestCluster, type Node } from './cluster.js';
import { TestHomes, type TestHome } from './homes.js';
import { MapStore } from './MapStore.js';

describe('a request for a copy that arrives late', () => {
  const homes = new TestHomes();
  let cluster: TestCluster;
  let next: Node;
  let home: TestHome;
  let safety: Safety;

  beforeEach(async () => {
    cluster = new TestCluster();
    next = await cluster.add();
    home = homes.add();
    const { memory, replication, owned } = home;
    owned.others = [{ instance: next.instance, url: `http://127.0.0.1:${next.proxy.port}` }];
    const storedKeys = new StoredKeyLists();
    const parts = { memory, replication, storedKeys, now, owned: () => owned, held: () => true };
    safety = new Safety({ ...parts, store: new MapStore() });
  });
  afterEach(async () => {
    await homes.close();
    await cluster.close();
  });

  const now = (): number => performance.now();
  const settle = (key: string, object: StoredObject | undefined, before: StoredObject | undefined): Promise<void> =>
    safety.settle({ namespace: GUEST, address: at(key), object, before }) ?? Promise.resolve();
  function write(key: string, text: string, persistence: Persistence): Promise<void> {
    const before = home.memory.peek(GUEST, at(key), now());
    return settle(key, put(home.memory, GUEST, key, text, now(), { persistence }).object, before);
  }
  function remove(): Promise<void> {
    const before = home.memory.peek(GUEST, at('k'), now());
    home.memory.delete(GUEST, at('k'), undefined, now());
    return settle('k', undefined, before);
  }

  /** A copy whose request gets no answer, and whose object is evicted then. @returns a function that delivers the request. */
  async function late(): Promise<() => Promise<unknown>> {
    await write('other', 'one', 'replicated');
    const deliver = home.peers.delay('copy');
    await assert.rejects(write('k', 'late', 'replicated'), refused(502));
    home.memory.delete(GUEST, at('k'), undefined, now());
    home.owned.evictions++;
    assert.equal(safety.isChanging(GUEST, at('k')), false);
    return deliver;
  }

  for (const persistence of ['stored', 'memory'] as const) {
    it(`is refused after a change that needs no copy (${persistence})`, async () => {
      const deliver = await late();
      await write('k', 'two', persistence);
      await assert.rejects(deliver(), refused(421));
      assert.equal(next.memory.peek(copiesOf(GUEST), at('k'), now()), undefined);
      const { epoch } = home.owned;
      await write('k', 'three', persistence);
      await remove();
      assert.equal(home.owned.epoch, epoch);
    });
  }

  it('is taken back by the next change that needs no copy, if it has arrived before that', async () => {
    const deliver = await late();
    await deliver();
    await write('l', 'one', 'replicated');
    await write('k', 'two', 'stored');
    assert.equal(next.memory.peek(copiesOf(GUEST), at('k'), now()), undefined);
  });

  it('does not matter for other objects', async () => {
    await late();
    const { epoch } = home.owned;
    await write('l', 'two', 'stored');
    assert.notEqual(home.owned.copiedTo?.epoch, epoch);
  });
});
