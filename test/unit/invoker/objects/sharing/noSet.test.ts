import assert from 'node:assert/strict';
import { colorKey } from '../../../../../invoker/objects/sharing/colorKey.js';
import { copiesOf } from '../../../../../invoker/objects/sharing/copies.js';
import { newlyOwned, type CopySet } from '../../../../../invoker/objects/sharing/ColorStates.js';
import { doubtOfNoSet, safeHolders } from '../../../../../invoker/objects/sharing/noSet.js';
import { at, put, refused } from '../memory/memories.js';
import { PeerError } from '../../../../../invoker/objects/sharing/PeerClient.js';
import { eventually } from '../../../../e2e/eventually.js';
import { GUEST, TestCluster, type Node } from './cluster.js';
import { COLOR, HOME, peerOf, TestHomes, type TestHome } from './homes.js';

const KEY = colorKey(GUEST, COLOR);
const OTHER = { uuid: 'other', name: 'other', limitBytes: undefined };

/** Lets replicated objects of another namespace use the memory of an invoker, apart from about 2000 bytes. */
function fill({ memory }: Node): void {
  const bytes = memory.boundBytes / 2 - memory.keptBytes - 3000;
  put(memory, OTHER, 'k', bytes, performance.now(), { persistence: 'replicated' });
}

describe('the removal of a replicated object while the next home has no memory for a set of copies', () => {
  let cluster: TestCluster;
  const homes = new TestHomes();
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

  const setOf = (node: Node) => node.sharing.sets.get(KEY);
  const keysAt = ({ memory }: Node): string[] => memory.keptKeys(copiesOf(GUEST), COLOR);
  const noneHas = async ({ requests, holders, owned, askInvokers }: TestHome): Promise<boolean> =>
    (await doubtOfNoSet({ instance: HOME, requests, holders, askInvokers }, owned)) === undefined;

  /** An owner of two objects, whose next home has started again and is full. */
  async function withFullNextHome(...next: Node[]): Promise<TestHome> {
    const home = homes.add({}, b, ...next);
    await home.change('k', 'x'.repeat(2000));
    await home.change('l', 'y');
    await restartFull(home);
    return home;
  }

  async function restartFull(home: TestHome): Promise<void> {
    b = await cluster.restart(b);
    fill(b);
    const check = () => home.replication.check(GUEST, COLOR, home.owned, peerOf(b));
    await eventually(() => assert.rejects(check(), refused(503, /lack memory/)));
    assert.equal(home.owned.copiedTo?.lost, true);
  }

  it('is safe if nobody has a set or can get one late', async () => {
    const home = await withFullNextHome();
    home.memory.delete(GUEST, at('k'), undefined, performance.now());
    const deliver = home.peers.delay('complete');
    await assert.rejects(home.ensure(b), PeerError);
    home.put('k', 'x'.repeat(2000));
    await assert.rejects(home.change('l', 'z'), refused(503, /lack memory/));
    await home.remove('k');
    const { copiedTo, epoch } = home.owned;
    assert.deepEqual(copiedTo, { peer: peerOf(b), epoch, complete: true, lost: true });
    await assert.rejects(deliver(), refused(421));
    assert.notEqual(setOf(b)?.complete, true);
    // The rest has room.
    await home.change('l', 'z');
    assert.deepEqual([setOf(b)?.complete, home.owned.copiedTo?.lost], [true, undefined]);
  });

  it('does not send the other objects again for each one', async () => {
    const home = await withFullNextHome();
    await home.remove('l');
    home.put('l', 'y');
    home.peers.on('copy', () => assert.fail('the next home has refused the set just before'));
    await home.remove('l');
    home.peers.on('copy', (send) => send());
    home.now = () => performance.now() + 6000;
    await home.remove('k');
    assert.equal(setOf(b)?.complete, false);
  });

  it('changes nothing if an invoker may have a complete set, whose answer was lost', async () => {
    const home = homes.add({}, b);
    await home.change('k', 'x'.repeat(2000));
    home.peers.loseAnswer('complete');
    await assert.rejects(home.ensure(c));
    await restartFull(home);
    await assert.rejects(home.remove('k'), refused(503, /lack memory/));
    assert.equal(home.textOf('k')?.length, 2000);
    assert.equal(setOf(c)?.complete, true);
  });

  it('asks nobody, and raises no epoch, if the color was given away while the next home refused the set', async () => {
    const home = await withFullNextHome();
    home.now = () => performance.now() + 6000;
    let epoch = 0;
    home.peers.on('copy', async (send) => {
      try {
        return await send();
      } finally {
        home.isOwned = false;
        ({ epoch } = home.owned);
        home.peers.on('fence', () => assert.fail('another invoker may be the owner'));
      }
    });
    await assert.rejects(home.remove('k'), refused(503, /taken the color over/));
    assert.equal(home.owned.epoch, epoch);
  });

  it('goes to the set of a former home that may differ, also for an object of memory', async () => {
    const ofFormer = { epoch: 5, complete: true, unsure: true };
    put(c.memory, GUEST, 'k', 'kept', performance.now(), { persistence: 'replicated' });
    c.sharing.sets.demote({ namespace: GUEST, color: COLOR, policy: undefined }, ofFormer, performance.now());
    const copies = [{ ...ofFormer, peer: peerOf(c) }];
    const home = homes.add({ copies, base: { epoch: 5, complete: true } }, b, c);
    home.put('l', 'x'.repeat(3000));
    fill(b);
    await home.change('k', 'new', 'memory');
    assert.deepEqual([setOf(c)?.epoch, keysAt(c)], [home.owned.epoch, ['l']]);
  });

  it('waits for the only invoker with a set that counts, until that one is lost', async () => {
    const base = { epoch: 5, complete: true };
    const home = homes.add({ copies: [{ ...base, peer: peerOf(c) }], base }, b);
    home.put('k', 'x'.repeat(3000));
    home.put('l', 'x'.repeat(3000));
    fill(b);
    c.proxy.drop();
    const away = (silentMs: number) => async () => ({ up: [peerOf(b)], away: [{ ...peerOf(c), silentMs }] });
    home.askInvokers = away(1000);
    await assert.rejects(home.remove('k'), refused(503, /lack memory.* invoker1 may have another copy/));
    home.askInvokers = away(600_000);
    await home.remove('k');
    assert.equal(home.textOf('k'), undefined);
  });

  it('waits for an invoker that does not answer, and not for one that is dead', async () => {
    const home = await withFullNextHome();
    home.owned.mayHold.set(c.instance, peerOf(c));
    c.proxy.drop();
    await assert.rejects(home.remove('k'), refused(503, /lack memory/));
    assert.equal(home.textOf('k')?.length, 2000);
    await cluster.kill(c);
    await home.remove('k');
    assert.equal(home.textOf('k'), undefined);
  });

  describe('asks the invokers that only the controllers know', () => {
    /** `c` has an old set, of which the home has not heard. */
    async function withUnknownSet(): Promise<TestHome> {
      c.sharing.sets.complete({ namespace: GUEST, color: COLOR, policy: undefined }, 5);
      return withFullNextHome();
    }

    it('once, and removes their old sets', async () => {
      const home = await withUnknownSet();
      home.askInvokers = async () => ({ up: [peerOf(b), peerOf(c)], away: [] });
      await home.remove('k');
      assert.equal(setOf(c), undefined);
      // From now on, only invokers that the home itself names can get one.
      home.askInvokers = () => assert.fail('it has asked all of them');
      await home.remove('l');
      assert.equal(home.textOf('l'), undefined);
    });

    it('and waits for one of them that is silent', async () => {
      const home = await withUnknownSet();
      const away = (silentMs: number) => async () => ({ up: [peerOf(b)], away: [{ ...peerOf(c), silentMs }] });
      c.proxy.drop();
      home.askInvokers = away(1000);
      await assert.rejects(home.remove('k'), refused(503, /lack memory.* invoker1 may have another copy \(.*answer/));
      assert.equal(home.textOf('k')?.length, 2000);
      // Nobody has heard of it for so long that it counts as lost.
      home.askInvokers = away(600_000);
      await home.remove('k');
      assert.equal(home.textOf('k'), undefined);
    });

    it('and is refused if no controller names them', async () => {
      const home = await withUnknownSet();
      home.askInvokers = () => Promise.reject(new Error('no controller answers'));
      await assert.rejects(home.remove('k'), refused(503, /lack memory.* not all invokers are known \(no controller/));
      assert.equal(home.textOf('k')?.length, 2000);
      assert.equal(setOf(c)?.complete, true);
    });

    it('anew in the next ownership', async () => {
      const home = await withUnknownSet();
      await home.remove('k');
      assert.equal(setOf(c)?.complete, true);
      const next = homes.add({ base: { epoch: home.owned.epoch, complete: true } }, b);
      next.askInvokers = async () => ({ up: [peerOf(b), peerOf(c)], away: [] });
      assert.equal(await noneHas(next), true);
      assert.equal(setOf(c), undefined);
    });
  });

  it('fails together with others that wait for the same silent invoker', async () => {
    const home = await withFullNextHome();
    home.owned.mayHold.set(c.instance, peerOf(c));
    c.proxy.drop();
    let asked = 0;
    home.askInvokers = async () => {
      asked++;
      return { up: [], away: [] };
    };
    const removals = await Promise.allSettled([home.remove('k'), home.remove('l')]);
    assert.deepEqual(
      removals.map(({ status }) => status),
      ['rejected', 'rejected'],
    );
    assert.equal(asked, 1);
  });

  describe('asks an invoker that has started again with another address there', () => {
    const former = (): { instance: number; url: string } => ({ instance: c.instance, url: 'http://127.0.0.1:1' });

    it('although objects of its former run were counted', async () => {
      const home = homes.add({}, b);
      await home.change('k', 'x'.repeat(2000));
      home.owned.formers.set(c.instance, former());
      home.peers.loseAnswer('complete');
      await assert.rejects(home.ensure(c));
      home.peers.delay('forget');
      await home.ensure(b);
      assert.equal(setOf(c)?.complete, true);
      await restartFull(home);
      await home.remove('k');
      assert.equal(setOf(c), undefined);
    });

    it('although its former run had a set', async () => {
      const copies = [{ peer: former(), epoch: 7, complete: true }];
      const home = homes.add({ base: { epoch: 7, complete: true }, copies }, b);
      home.put('k', 'x'.repeat(2000));
      home.peers.loseAnswer('complete');
      await assert.rejects(home.ensure(c));
      assert.equal(setOf(c)?.complete, true);
      await home.ensure(b);
      await restartFull(home);
      await home.remove('k');
      assert.equal(setOf(c), undefined);
    });
  });

  it('removes sets that are out of date', async () => {
    const home = homes.add({}, b);
    const { epoch } = home.owned;
    c.sharing.sets.complete({ namespace: GUEST, color: COLOR, policy: undefined }, epoch - 1);
    home.owned.copiedTo = { peer: peerOf(b), epoch, complete: true, lost: true };
    home.owned.mayHold.set(c.instance, peerOf(c));
    home.owned.epoch++;
    assert.equal(await noneHas(home), true);
    assert.equal(setOf(c), undefined);
  });

  it('is not safe beside a set that counts', async () => {
    const home = homes.add({ base: { epoch: 9, complete: true, since: 7 } }, b);
    for (const [node, epoch] of [
      [b, 6],
      [c, 7],
    ] as const) {
      node.sharing.sets.complete({ namespace: GUEST, color: COLOR, policy: undefined }, epoch);
      home.owned.mayHold.set(node.instance, peerOf(node));
      assert.equal(await noneHas(home), epoch === 6);
    }
    assert.deepEqual([setOf(b), setOf(c)?.epoch], [undefined, 7]);
  });

  it('does not ask the home itself, which has started again: others know of its former set', async () => {
    const home = homes.add({ base: { epoch: 9, complete: true } }, b);
    const peer = { instance: 9, url: 'http://127.0.0.1:1' };
    home.owned.copies.set(9, { peer, epoch: 8, complete: true, lost: true });
    home.owned.mayHold.set(9, peer);
    home.askInvokers = async () => ({ up: [peer], away: [] });
    home.peers.on('fence', () => assert.fail('there is no other invoker to ask'));
    assert.equal(await noneHas(home), true);
  });

  it('is not safe if a former owner was frozen, which may make a set of its objects yet', async () => {
    await c.container.text(`/${COLOR}/k`, { method: 'PUT', body: 'x' });
    const home = homes.add({}, b);
    home.owned.mayHold.set(c.instance, peerOf(c));
    assert.equal(await noneHas(home), false);
  });

  describe('goes to another set that counts', () => {
    const owned = newlyOwned({
      namespace: GUEST,
      color: COLOR,
      policy: undefined,
      epoch: 10,
      lapses: 0,
      validMs: 1000,
      base: { epoch: 9, complete: true, since: 7 },
    });
    const peer = (instance: number, url = `http://${instance}`) => ({ instance, url });
    const set = (instance: number, epoch: number, more: Partial<CopySet> = {}): [number, CopySet] => [
      instance,
      { peer: peer(instance), epoch, complete: true, ...more },
    ];

    it('of this ownership', () => {
      const [, copiedTo] = set(1, 10);
      assert.deepEqual(safeHolders({ ...owned, copiedTo, copies: new Map([set(2, 9)]) }), [peer(1)]);
      assert.deepEqual(safeHolders({ ...owned, copiedTo: { ...copiedTo, lost: true } }), []);
      // It has started again.
      assert.deepEqual(safeHolders({ ...owned, copiedTo, others: [peer(1, 'http://new')] }), []);
    });

    it('or of earlier ones, at an invoker that is up if possible', () => {
      const copies = new Map([
        set(1, 7),
        set(2, 9),
        set(3, 6),
        set(4, 9, { complete: false }),
        set(5, 9, { lost: true }),
      ]);
      assert.deepEqual(safeHolders({ ...owned, copies, others: [peer(6), peer(2)] }), [peer(2), peer(1)]);
      assert.deepEqual(safeHolders({ ...owned, copies, base: undefined }), []);
    });
  });
});
