import assert from 'node:assert/strict';
import { colorKey } from '../../../../../invoker/objects/sharing/colorKey.js';
import type { CopySet } from '../../../../../invoker/objects/sharing/ColorStates.js';
import { copiesOf } from '../../../../../invoker/objects/sharing/copies.js';
import { PeerError } from '../../../../../invoker/objects/sharing/PeerClient.js';
import type { Peer } from '../../../../../shared/objects/Locate.js';
import { at, put, refused, textOf } from '../memory/memories.js';
import { GUEST, TestCluster, type Node } from './cluster.js';
import { silent, TestHomes, type TestHome } from './homes.js';

const COLOR = 'c';
const KEY = colorKey(GUEST, COLOR);

describe('copies of replicated objects at the next home', () => {
  let cluster: TestCluster;
  const homes = new TestHomes();
  let [b, c]: Node[] = [];

  beforeEach(async () => {
    cluster = new TestCluster();
    [b, c] = [await cluster.add(), await cluster.add()];
  });
  afterEach(async () => {
    await homes.close();
    await cluster.close();
  });

  const now = (): number => performance.now();
  const peerOf = (node: Node | undefined): Peer => {
    assert.ok(node);
    return { instance: node.instance, url: `http://127.0.0.1:${node.proxy.port}` };
  };
  const setOf = (node: Node | undefined) => node?.sharing.sets.get(KEY);
  const keysAt = (node: Node | undefined): string[] | undefined =>
    node?.memory
      .list(copiesOf(GUEST), { color: COLOR, prefix: '', after: undefined, limit: 10 }, now())
      .objects.map(({ key }) => key);
  const copyAt = (node: Node | undefined, key: string): string | undefined =>
    textOf(node?.memory.peek(copiesOf(GUEST), at(key), now()));

  const newHome = (...asked: Parameters<TestHomes['add']>): TestHome => homes.add(...asked);

  const ensure = ({ replication, owned }: TestHome, node: Node | undefined): Promise<CopySet> =>
    replication.ensure(GUEST, COLOR, owned, peerOf(node));
  const write = ({ memory }: TestHome, key: string, text: string) =>
    put(memory, GUEST, key, text, now(), { persistence: 'replicated' }).object;
  /** Changes an object and its copy. */
  const change = async (home: TestHome, key: string, text: string, node = b): Promise<void> =>
    home.replication.change(GUEST, at(key), write(home, key, text), home.owned, peerOf(node));
  const remove = async (home: TestHome, key: string): Promise<void> => {
    home.memory.delete(GUEST, at(key), undefined, now());
    await home.replication.change(GUEST, at(key), undefined, home.owned, peerOf(b));
  };

  /** A complete set of an earlier owner. */
  async function copied(node: Node | undefined, ...keys: string[]): Promise<CopySet> {
    const home = newHome();
    for (const key of keys) write(home, key, `${key} of the former home`);
    return ensure(home, node);
  }

  /** A set of an earlier owner that is not complete. */
  async function begun(node: Node | undefined, ...keys: string[]): Promise<CopySet> {
    const home = newHome();
    for (const key of keys) write(home, key, `${key} of the former home`);
    home.peers.on('complete', () => Promise.reject(silent()));
    await assert.rejects(ensure(home, node), PeerError);
    return { peer: peerOf(node), epoch: home.owned.epoch, complete: false };
  }

  it('stay if the answer that they belong to the next owner is lost', async () => {
    const home = newHome([await copied(b, 'k', 'l', 'm')]);
    home.peers.loseAnswer('complete');
    await assert.rejects(ensure(home, b), PeerError);
    const set = await ensure(home, b);
    assert.deepEqual([keysAt(b), setOf(b)], [['k', 'l', 'm'], { epoch: set.epoch, complete: true }]);
    assert.equal(home.owned.wholeAt, undefined);
  });

  it('stay if another invoker has a later set that is not complete', async () => {
    const complete = await copied(b, 'k', 'l', 'm');
    const home = newHome([complete, await begun(c, 'k')]);
    const set = await ensure(home, b);
    assert.equal(home.owned.wholeAt, undefined);
    assert.deepEqual([keysAt(b), setOf(b)], [['k', 'l', 'm'], { epoch: set.epoch, complete: true }]);
  });

  it('stay if the invoker that has them in an incomplete set becomes the next home', async () => {
    const home = newHome([await begun(b, 'k', 'l', 'm')]);
    await ensure(home, b);
    assert.deepEqual([keysAt(b), setOf(b)?.complete], [['k', 'l', 'm'], true]);
  });

  it('get a higher epoch than a set that was completed elsewhere without an answer, before they change', async () => {
    const home = newHome();
    write(home, 'k', 'one');
    await ensure(home, b);
    home.peers.loseAnswer('complete');
    await assert.rejects(ensure(home, c), PeerError);
    const elsewhere = setOf(c);
    assert.deepEqual([copyAt(c, 'k'), elsewhere?.complete], ['one', true]);
    await change(home, 'k', 'two');
    assert.equal(copyAt(b, 'k'), 'two');
    assert.ok((setOf(b)?.epoch ?? 0) > (elsewhere?.epoch ?? Infinity));
    assert.equal(home.owned.wholeAt, 0);
  });

  it('are removed where they were before, also if that invoker did not answer at first', async () => {
    const home = newHome();
    write(home, 'k', 'one');
    await ensure(home, b);
    home.peers.on('forget', () => Promise.reject(silent()));
    await ensure(home, c);
    assert.deepEqual([keysAt(b), keysAt(c)], [['k'], ['k']]);
    await home.replication.tend();
    assert.deepEqual([keysAt(b), keysAt(c)], [[], ['k']]);
  });

  it('are not changed by a late request after a later change', async () => {
    const home = newHome();
    await ensure(home, b);
    const deliver = home.peers.delay('copy');
    await assert.rejects(change(home, 'k', 'one'), PeerError);
    await change(home, 'k', 'two');
    await assert.rejects(deliver(), refused(421));
    assert.equal(copyAt(b, 'k'), 'two');
  });

  it('are not removed by a late request after a later change', async () => {
    const home = newHome();
    await change(home, 'k', 'one');
    const deliver = home.peers.delay('drop');
    await assert.rejects(remove(home, 'k'), PeerError);
    await change(home, 'k', 'two');
    await assert.rejects(deliver(), refused(421));
    assert.equal(copyAt(b, 'k'), 'two');
  });

  for (const operation of ['copy', 'complete'] as const) {
    it(`do not cast doubt on their owner if a request (${operation}) with its own earlier epoch is refused`, async () => {
      const home = newHome();
      await change(home, 'k', 'one');
      home.peers.on(operation, async (send) => {
        home.peers.delay('copy');
        await assert.rejects(change(home, 'l', 'one'), PeerError);
        await change(home, 'l', 'two');
        return send();
      });
      if (operation === 'copy') await change(home, 'k', 'two');
      else await home.replication.check(GUEST, COLOR, home.owned, peerOf(b));
      assert.equal(home.owned.doubted, false);
      assert.deepEqual([copyAt(b, 'k'), copyAt(b, 'l')], [operation === 'copy' ? 'two' : 'one', 'two']);
    });
  }

  it('are waited for while their invoker is up, since the home may have evicted the objects', async () => {
    const home = newHome();
    for (const key of ['k', 'l']) await change(home, key, 'one');
    home.memory.delete(GUEST, at('k'), undefined, now());
    home.owned.others = [peerOf(b), peerOf(c)];
    home.peers.loseAnswer('list');
    await assert.rejects(ensure(home, c), refused(503, /does not answer/));
    assert.deepEqual([keysAt(b), setOf(c)?.complete], [['k', 'l'], undefined]);
    await ensure(home, c);
    assert.deepEqual([keysAt(c), setOf(c)?.complete], [['k', 'l'], true]);
  });

  it('are not waited for if their invoker is not up any more, and the home has made them all', async () => {
    const home = newHome();
    for (const key of ['k', 'l']) await change(home, key, 'one');
    home.owned.others = [peerOf(c)];
    home.peers.loseAnswer('list');
    await ensure(home, c);
    assert.deepEqual([keysAt(c), setOf(c)?.complete], [['k', 'l'], true]);
  });

  /** As the memory does if it is short. */
  const evict = ({ memory, owned }: TestHome, key: string): void => {
    memory.delete(GUEST, at(key), undefined, now());
    owned.evictions++;
  };

  it('are waited for if the home has evicted some of the objects, although their invoker is not up any more', async () => {
    const home = newHome();
    for (const key of ['k', 'l']) await change(home, key, 'one');
    evict(home, 'k');
    home.owned.others = [peerOf(c)];
    home.peers.loseAnswer('list');
    await assert.rejects(ensure(home, c), refused(503, /does not answer/));
    assert.deepEqual([keysAt(b), setOf(c)?.complete], [['k', 'l'], undefined]);
    await ensure(home, c);
    assert.deepEqual([keysAt(c), setOf(c)?.complete], [['k', 'l'], true]);
    // It has fetched the evicted one.
    assert.equal(home.owned.wholeAt, home.owned.evictions);
  });

  it('are not complete if the home evicts an object while it does not wait for their invoker', async () => {
    const home = newHome();
    for (const key of ['k', 'l']) await change(home, key, 'one');
    home.owned.others = [peerOf(c)];
    home.peers.on('list', async () => {
      home.peers.on('copy', async (send) => {
        evict(home, 'l');
        return send();
      });
      throw silent();
    });
    // The object that is left is listed before the copying begins.
    const listed = home.memory.list.bind(home.memory);
    home.memory.list = (namespace, asked, time) => {
      const list = listed(namespace, asked, time);
      return { ...list, objects: list.objects.filter(({ key }) => key !== 'l') };
    };
    await assert.rejects(ensure(home, c), refused(503, /no memory to copy/));
    assert.notEqual(setOf(c)?.complete, true);
  });

  it('of an earlier owner are fetched, so that their invoker is not waited for any more', async () => {
    const home = newHome([await copied(b, 'k', 'l')]);
    await ensure(home, b);
    home.owned.others = [peerOf(c)];
    home.peers.loseAnswer('list');
    await assert.rejects(ensure(home, c), refused(503, /does not answer/));
    await ensure(home, b);
    // The next check tries it again.
    home.peers.loseAnswer('list');
    await assert.rejects(home.replication.check(GUEST, COLOR, home.owned, peerOf(b)), refused(503, /does not answer/));
    await home.replication.check(GUEST, COLOR, home.owned, peerOf(b));
    for (const key of ['k', 'l']) assert.ok(home.memory.peek(GUEST, at(key), now()));
    home.peers.loseAnswer('list');
    await ensure(home, c);
    assert.deepEqual([keysAt(c), setOf(c)?.complete], [['k', 'l'], true]);
  });

  it('of an earlier owner are not fetched at the cost of other objects of the home', async () => {
    const home = newHome([await copied(b, 'k', 'l', 'm')], (here) => {
      put(here.memory, GUEST, 'cached', 'value', now());
      const { boundBytes } = here.memory;
      here.memory.resize(0);
      here.memory.resize(boundBytes);
    });
    await ensure(home, b);
    await home.replication.check(GUEST, COLOR, home.owned, peerOf(b));
    assert.equal(home.memory.evictions, 1);
    await home.replication.check(GUEST, COLOR, home.owned, peerOf(b));
    assert.equal(home.memory.evictions, 1);
    assert.ok((home.owned.wholeAt ?? 0) < 0);
  });

  it('are not complete without an object that was evicted between its way here and its way to the copy', async () => {
    const evicted: string[] = [];
    const home = newHome([await copied(b, 'k', 'l')], (here, key) => {
      if (key !== 'l' || evicted.push(key) > 10) return;
      evict(here, key);
    });
    await assert.rejects(ensure(home, c), refused(503, /no memory to copy/));
    assert.notEqual(setOf(c)?.complete, true);
    assert.deepEqual(keysAt(b), ['k', 'l']);
    await assert.rejects(ensure(home, c), refused(503, /no memory to copy/));
    await ensure(home, c);
    assert.deepEqual([keysAt(c), setOf(c)?.complete, setOf(b)], [['k', 'l'], true, undefined]);
  });

  it('are complete without an object that was removed after the list of its copy', async () => {
    const home = newHome();
    for (const key of ['k', 'l']) await change(home, key, 'one');
    home.peers.on('copy', async (send) => {
      b?.memory.delete(copiesOf(GUEST), at('l'), undefined, now());
      evict(home, 'l');
      return send();
    });
    await ensure(home, c);
    assert.deepEqual([keysAt(c), setOf(c)?.complete], [['k'], true]);
  });

  it('have an object whose change was under way, and which was evicted, while another set was made', async () => {
    const home = newHome();
    await change(home, 'other', 'one');
    home.owned.others = [peerOf(c), peerOf(b)];
    home.peers.on('copy', async (send) => {
      let answer: unknown;
      // The former set is listed.
      home.peers.on('copy', async (sendOther) => {
        answer = await send();
        evict(home, 'k');
        return sendOther();
      });
      await ensure(home, c);
      return answer;
    });
    await change(home, 'k', 'one');
    assert.deepEqual([copyAt(c, 'k'), keysAt(c), setOf(c)?.complete], ['one', ['k', 'other'], true]);
  });

  it('are not complete if their invoker has lost some of them while others came', async () => {
    for (const [operation, texts] of [
      ['copy', ['one', 'two', 'three']],
      ['complete', ['one']],
    ] as const) {
      const home = newHome();
      for (const [index, text] of texts.entries()) write(home, `k${index}`, text);
      // As if it started again.
      const lose = async (send: () => Promise<unknown>): Promise<unknown> => {
        c?.sharing.sets.drop(GUEST, COLOR);
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
      await assert.rejects(ensure(home, c), refused(503, /has lost objects/));
      assert.notEqual(setOf(c)?.complete, true);
      await ensure(home, c);
      assert.deepEqual([keysAt(c)?.length, setOf(c)?.complete], [texts.length, true]);
    }
  });
});
