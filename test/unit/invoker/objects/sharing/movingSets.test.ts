import assert from 'node:assert/strict';
import { colorKey } from '../../../../../invoker/objects/sharing/colorKey.js';
import type { CopySet } from '../../../../../invoker/objects/sharing/ColorStates.js';
import { copiesOf } from '../../../../../invoker/objects/sharing/copies.js';
import { listColor } from '../../../../../invoker/objects/sharing/listColor.js';
import { PeerError } from '../../../../../invoker/objects/sharing/PeerClient.js';
import type { Peer } from '../../../../../shared/objects/Locate.js';
import { eventually } from '../../../../e2e/eventually.js';
import { at, put, refused, textOf } from '../memory/memories.js';
import { GUEST, TestCluster, type Node } from './cluster.js';
import { silent, TestHomes, type TestHome } from './homes.js';
import { MapStore } from './MapStore.js';

const COLOR = 'c';
const KEY = colorKey(GUEST, COLOR);
const LIMIT_MS = 60_000;
const ASKED = { kind: 'list', color: COLOR, prefix: '', after: undefined, limit: 10, policy: undefined } as const;

describe('a set of copies that moves', () => {
  const homes = new TestHomes();
  let cluster: TestCluster;
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
  const peerOf = ({ instance, proxy }: Node): Peer => ({ instance, url: `http://127.0.0.1:${proxy.port}` });
  const ensure = ({ replication, owned }: TestHome, node: Node): Promise<CopySet> =>
    replication.ensure(GUEST, COLOR, owned, peerOf(node));
  const write = ({ memory }: TestHome, key: string, text: string) =>
    put(memory, GUEST, key, text, now(), { persistence: 'replicated' }).object;
  const change = async (home: TestHome, key: string, text: string, node: Node): Promise<void> =>
    home.replication.change(GUEST, at(key), write(home, key, text), home.owned, peerOf(node));
  /** As the memory does if it is short. */
  const evict = ({ memory, owned }: TestHome, key: string): void => {
    memory.delete(GUEST, at(key), undefined, now());
    owned.evictions++;
  };
  const search = ({ recovery, owned }: TestHome) => recovery.recover(GUEST, at('k'), owned);
  const objectOf = ({ memory }: TestHome): string | undefined => textOf(memory.peek(GUEST, at('k'), now()));

  describe('while an evicted object is searched for', () => {
    for (const isDead of [false, true]) {
      it(`does not make it missing if the former invoker answers after that (dead: ${isDead})`, async () => {
        const home = homes.add();
        await change(home, 'k', 'one', b);
        evict(home, 'k');
        home.peers.beforeTake = async () => {
          await ensure(home, c);
          evict(home, 'k');
          if (!isDead) return;
          await cluster.kill(b);
          const asked = { operation: 'stats', method: 'GET', path: '/c', namespace: GUEST } as const;
          const isRefused = ({ fault }: PeerError): boolean => fault === 'dead';
          // Its connections end one by one.
          await eventually(() => assert.rejects(home.peers.ask(peerOf(b), asked), isRefused), LIMIT_MS);
        };
        assert.equal(await search(home), 'over');
        assert.equal(await search(home), 'found');
        assert.equal(objectOf(home), 'one');
      });
    }

    it('does not make it missing if this invoker had the former set', async () => {
      const home = homes.add();
      const { sets, memory, owned } = home;
      sets.admit(GUEST, COLOR, 1);
      put(memory, copiesOf(GUEST), 'k', 'one', now(), { persistence: 'replicated' });
      sets.complete(GUEST, COLOR, 1, undefined);
      // A later set was begun by another owner.
      owned.copies.set(b.instance, { peer: peerOf(b), epoch: 2, complete: false });
      home.peers.beforeTake = async () => {
        await ensure(home, c);
        evict(home, 'k');
      };
      assert.equal(sets.get(KEY)?.complete, true);
      assert.equal(await search(home), 'over');
      assert.equal(await search(home), 'found');
    });

    it('does not hide it from a list', async () => {
      const home = homes.add();
      await change(home, 'k', 'one', b);
      evict(home, 'k');
      let moves = 0;
      const parts = {
        ...home,
        store: undefined,
        now,
        owned: () => home.owned,
        safety: { allSafe: async () => undefined },
      };
      home.peers.on('list', async (send) => {
        moves++;
        await ensure(home, c);
        evict(home, 'k');
        return send();
      });
      const { objects } = await listColor(parts, GUEST, ASKED);
      assert.deepEqual([objects.map(({ key }) => key), moves], [['k'], 1]);
    });
  });

  describe('when the invoker that is to get it does not answer', () => {
    /** Begins a set at `b`, which does not answer. @returns a function that ends the attempt, and its outcome. */
    async function stuck(home: TestHome): Promise<{ fail: () => void; outcome: Promise<unknown> }> {
      let fail: () => void = () => undefined;
      const begun = new Promise<void>((resolve) => {
        home.peers.on('complete', async () => {
          const failed = new Promise<void>((release) => (fail = release));
          resolve();
          await failed;
          throw silent();
        });
      });
      const outcome = assert.rejects(ensure(home, b), PeerError);
      await begun;
      return { fail, outcome };
    }

    it('fails for all who wait for it, at once', async () => {
      const home = homes.add();
      const { fail, outcome } = await stuck(home);
      let others = 0;
      const waiting = ['k', 'l', 'm'].map((key) => assert.rejects(change(home, key, 'one', b), PeerError));
      home.peers.on('complete', (send) => {
        others++;
        return send();
      });
      fail();
      await Promise.all([outcome, ...waiting]);
      assert.equal(others, 0);
      await change(home, 'k', 'two', b);
      assert.equal(others, 1);
    });

    it('goes to the next home that the controllers name then', async () => {
      const home = homes.add();
      home.owned.others = [peerOf(b)];
      const { fail, outcome } = await stuck(home);
      const changed = change(home, 'k', 'one', b);
      home.owned.others = [peerOf(c), peerOf(b)];
      fail();
      await Promise.all([outcome, changed]);
      assert.equal(home.owned.copiedTo?.peer.instance, c.instance);
      assert.equal(textOf(c.memory.peek(copiesOf(GUEST), at('k'), now())), 'one');
      assert.equal(b.sharing.sets.get(KEY), undefined);
    });
  });

  for (const isOwn of [false, true]) {
    it(`keeps what a later incomplete set has, which may have been read (in the new home: ${isOwn})`, async () => {
      const former = homes.add();
      for (const key of ['k', 'l']) await change(former, key, 'one', b);
      assert.ok(former.owned.copiedTo);
      write(former, 'k', 'two');
      former.peers.on('complete', () => Promise.reject(silent()));
      await assert.rejects(ensure(former, c), PeerError);
      const later = { peer: peerOf(c), epoch: former.owned.epoch, complete: false };
      const home = homes.add([former.owned.copiedTo, ...(isOwn ? [] : [later])]);
      if (isOwn) {
        home.sets.admit(GUEST, COLOR, later.epoch);
        put(home.memory, copiesOf(GUEST), 'k', 'two', now(), { persistence: 'replicated' });
      }
      assert.equal(await search(home), 'found');
      assert.equal(objectOf(home), 'two');
      await ensure(home, b);
      evict(home, 'k');
      assert.equal(await search(home), 'found');
      assert.equal(objectOf(home), 'two');
      assert.equal(textOf(b.memory.peek(copiesOf(GUEST), at('l'), now())), 'one');
    });
  }

  it('within an invoker keeps the objects that the home needs for it in its memory', async () => {
    const former = homes.add();
    for (const key of ['k', 'l', 'm']) write(former, key, key);
    former.peers.on('complete', () => Promise.reject(silent()));
    await assert.rejects(ensure(former, b), PeerError);
    const home = homes.add([{ peer: peerOf(b), epoch: former.owned.epoch, complete: false }]);
    home.peers.on('copy', async (send) => {
      // The first copy has removed the earlier ones.
      const answer = await send();
      const { boundBytes } = home.memory;
      home.memory.resize(0);
      home.memory.resize(boundBytes);
      return answer;
    });
    await ensure(home, b);
    const keys = b.memory.list(copiesOf(GUEST), ASKED, now()).objects.map(({ key }) => key);
    assert.deepEqual(keys, ['k', 'l', 'm']);
    // They stay in the memory of the home, too.
    home.memory.resize(0);
    assert.equal(home.memory.list(GUEST, ASKED, now()).objects.length, 3);
  });

  it('is removed where it could not be completed, when another one is complete', async () => {
    const home = homes.add();
    await change(home, 'k', 'one', b);
    home.peers.on('complete', () => Promise.reject(silent()));
    await assert.rejects(ensure(home, c), PeerError);
    assert.equal(textOf(c.memory.peek(copiesOf(GUEST), at('k'), now())), 'one');
    // The next home is the former one again.
    await change(home, 'k', 'two', b);
    assert.equal(c.memory.peek(copiesOf(GUEST), at('k'), now()), undefined);
    assert.equal(c.sharing.sets.get(KEY), undefined);
    assert.equal(textOf(b.memory.peek(copiesOf(GUEST), at('k'), now())), 'two');
  });

  it('hides no earlier version in the store from the home that finds a copy', async () => {
    const store = new MapStore();
    const home = homes.add([], undefined, store);
    const { object: earlier } = put(home.memory, GUEST, 'k', 'one', now(), { persistence: 'stored' });
    await store.write(GUEST, at('k'), { ...earlier, ttlMs: undefined }, 1);
    home.owned.stored = new Set(['k']);
    // The removal from the store has failed after that, and the object is evicted.
    await change(home, 'k', 'two', b);
    evict(home, 'k');
    store.failing = true;
    await assert.rejects(search(home), refused(503, /store does not answer/));
    assert.equal(objectOf(home), undefined);
    store.failing = false;
    assert.equal(await search(home), 'found');
    assert.deepEqual([objectOf(home), store.size, [...home.owned.stored]], ['two', 0, []]);
  });
});
