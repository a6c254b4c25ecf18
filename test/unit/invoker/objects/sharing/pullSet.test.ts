import assert from 'node:assert/strict';
import { colorKey } from '../../../../../invoker/objects/sharing/colorKey.js';
import { copiesOf } from '../../../../../invoker/objects/sharing/copies.js';
import type { CopySetState } from '../../../../../invoker/objects/sharing/CopySets.js';
import { PeerError } from '../../../../../invoker/objects/sharing/PeerClient.js';
import { pullSet, type PulledSet } from '../../../../../invoker/objects/sharing/pullSet.js';
import { at, MB, newMemory, put, refused, textOf } from '../memory/memories.js';
import { GUEST, TestCluster, type Node } from './cluster.js';
import { COLOR, peerOf, silent, TestHomes, type TestHome } from './homes.js';

const KEY = colorKey(GUEST, COLOR);
const COPIES = copiesOf(GUEST);
const OF_COLOR = { namespace: GUEST, color: COLOR, policy: undefined };

describe('a set of copies that a new owner fetches', () => {
  const homes = new TestHomes();
  let cluster: TestCluster;
  let holder: Node;
  let home: TestHome;
  let set: CopySetState;
  let isCurrent: boolean;
  let fetched: number;

  beforeEach(async () => {
    [isCurrent, fetched] = [true, 0];
    cluster = new TestCluster();
    holder = await cluster.add();
    home = homes.add();
    set = { epoch: 10, complete: true };
    for (const key of ['k', 'l', 'm']) keep(holder.memory, key, 'new');
    holder.sharing.sets.demote(OF_COLOR, set, 0);
    // As if it had owned them: `demote` has made them a set.
  });
  afterEach(async () => {
    await homes.close();
    await cluster.close();
  });

  const now = (): number => performance.now();
  function keep(memory: TestHome['memory'], key: string, text: string, space = GUEST, ttlMs?: number): void {
    put(memory, space, key, text, now(), { persistence: 'replicated', ttlMs });
  }
  /** The home has a complete set. */
  function keepOwn(epoch: number, ...keys: string[]): void {
    home.sets.admit(GUEST, COLOR, epoch);
    for (const key of keys) keep(home.memory, key, 'old', COPIES);
    home.sets.complete(OF_COLOR, epoch);
  }
  const textsIn = (memory: TestHome['memory']): string[] =>
    memory
      .list(COPIES, { color: COLOR, prefix: '', after: undefined, limit: 10 }, now())
      .objects.map(({ key }) => `${key}: ${textOf(memory.peek(COPIES, at(key), now()))}`);
  const texts = (): string[] => textsIn(home.memory);
  const pull = (changes: Partial<PulledSet> = {}): Promise<CopySetState | undefined> => {
    const { peers, requests, memory, sets } = home;
    const onFetched = (objects: number): void => void (fetched += objects);
    return pullSet(
      { peers, requests, memory, sets, run: 'run', now, onFetched },
      { ...OF_COLOR, from: peerOf(holder), set, epoch: 20, isCurrent: () => isCurrent, ...changes },
    );
  };
  /** Nothing of the other set is here, and no memory is counted for it. */
  const nothingIsLeft = (): void => {
    assert.deepEqual([texts(), home.sets.get(KEY)], [[], undefined]);
    assert.deepEqual([home.memory.usedBytes, home.memory.keptBytes, home.memory.colors()], [0, 0, []]);
  };

  it('is here as a whole, and stays there for now', async () => {
    assert.equal(await pull(), set);
    assert.deepEqual(texts(), ['k: new', 'l: new', 'm: new']);
    assert.deepEqual([home.sets.get(KEY), fetched], [set, 3]);
    assert.deepEqual([textsIn(holder.memory), holder.sharing.sets.get(KEY)], [texts(), set]);
  });

  it('refuses the requests of earlier owners from then on', async () => {
    await pull();
    assert.throws(() => holder.sharing.sets.admit(GUEST, COLOR, 19), refused(421));
    await assert.rejects(pull({ epoch: 19 }), refused(421));
  });

  it('leaves a set of this invoker that has all acknowledged changes, too, until it is here', async () => {
    keepOwn(7, 'k');
    const own = home.sets.get(KEY);
    home.peers.beforeTake = async () => cluster.kill(holder);
    await assert.rejects(pull({ own }), refused(503));
    assert.deepEqual([texts(), home.sets.get(KEY)], [['k: old'], own]);
  });

  it('keeps tags and times', async () => {
    keep(holder.memory, 't', 'short', COPIES, 60_000);
    await pull();
    const [there, here] = [holder.memory, home.memory].map((memory) => memory.peek(COPIES, at('t'), now()));
    assert.equal(here?.etag, there?.etag);
    assert.ok(Math.abs((here?.expiresAt ?? 0) - (there?.expiresAt ?? Infinity)) < 30_000);
  });

  it('may be empty', async () => {
    holder.memory.clear(COPIES, COLOR);
    assert.equal(await pull(), set);
    assert.deepEqual([texts(), home.sets.get(KEY)], [[], set]);
  });

  for (const [what, change] of [
    ['has none', () => holder.sharing.sets.drop(GUEST, COLOR)],
    ['has an incomplete one', () => void holder.sharing.sets.admit(GUEST, COLOR, 10)],
    ['has an older one', () => void (set = { epoch: 11, complete: true })],
  ] as const) {
    it(`is gone if the invoker ${what}`, async () => {
      if (what === 'has an incomplete one') holder.sharing.sets.drop(GUEST, COLOR);
      change();
      assert.equal(await pull(), undefined);
      nothingIsLeft();
    });
  }

  it('is gone if the invoker is dead', async () => {
    await cluster.kill(holder);
    assert.equal(await pull(), undefined);
    nothingIsLeft();
  });

  it('is gone if the invoker dies or starts again in the middle', async () => {
    home.peers.beforeTake = async () => holder.sharing.sets.drop(GUEST, COLOR);
    assert.equal(await pull(), undefined);
    nothingIsLeft();
    home.peers.on('list', async (send) => {
      const list = await send();
      await cluster.kill(holder);
      return list;
    });
    keep(holder.memory, 'k', 'new');
    holder.sharing.sets.demote(OF_COLOR, set, 0);
    // Its connections may end one by one.
    assert.equal(await pull().catch((error: unknown) => assert.ok(refused(503)(error))), undefined);
    nothingIsLeft();
  });

  it('is waited for if the invoker does not answer, whatever it is asked', async () => {
    for (const operation of ['fence', 'list', 'take']) {
      if (operation === 'take') home.peers.beforeTake = () => Promise.reject(silent());
      else home.peers.on(operation, () => Promise.reject(silent()));
      const isSilent = (error: unknown): boolean => error instanceof Error && error.cause instanceof PeerError;
      await assert.rejects(pull(), (error) => refused(503)(error) && isSilent(error));
      nothingIsLeft();
    }
  });

  it('is not used if the invoker has got a later one', async () => {
    home.peers.beforeTake = async () => void holder.sharing.sets.admit(GUEST, COLOR, 20);
    await assert.rejects(pull(), refused(503, /takes the color over/));
    nothingIsLeft();
  });

  it('is not used if another invoker takes the color over meanwhile', async () => {
    home.peers.beforeTake = async () => void (isCurrent = false);
    await assert.rejects(pull(), refused(503));
    nothingIsLeft();
  });

  it('is not used if the memory is too short for all of it', async () => {
    keep(holder.memory, 'z', 'x'.repeat(20_000), COPIES);
    home = homes.add({ memory: newMemory(20_000) });
    await assert.rejects(pull(), refused(503));
    nothingIsLeft();
  });

  it('may have more objects than a list, and exceed the own bound of replicated objects', async () => {
    const keys = Array.from({ length: 1100 }, (_, i) => `n${i}`);
    for (const key of keys) keep(holder.memory, key, 'x', COPIES);
    home = homes.add({ memory: newMemory(1.3 * MB) });
    assert.equal(await pull(), set);
    assert.equal(home.memory.counts().objects, keys.length + 3);
  });

  it('is fetched without what a set here has, which goes if it has more', async () => {
    keepOwn(8, 'x');
    for (const key of ['k', 'l']) {
      const { bytes, etag } = holder.memory.peek(COPIES, at(key), now()) ?? assert.fail();
      const reservation = home.memory.reserve(COPIES, at(key), bytes.length, now());
      const options = {
        condition: undefined,
        persistence: 'replicated',
        ttlMs: undefined,
        contentType: undefined,
      } as const;
      home.memory.put(COPIES, at(key), bytes, { ...options, etag }, reservation, now());
    }
    set = { ...set, since: 8 };
    assert.equal(await pull(), set);
    assert.deepEqual([texts(), fetched, home.sets.get(KEY)], [['k: new', 'l: new', 'm: new'], 1, set]);
  });

  it('leaves a set here that has all acknowledged changes, until the whole other one is here', async () => {
    keepOwn(8, 'k', 'own');
    set = { ...set, since: 8 };
    const own = home.sets.get(KEY);
    home.peers.beforeTake = async () => {
      assert.deepEqual(texts(), ['k: old', 'own: old']);
      await cluster.kill(holder);
      throw new PeerError('dead', 'it is dead');
    };
    // Its connections may end one by one.
    assert.equal(await pull().catch((error: unknown) => assert.ok(refused(503)(error))), undefined);
    assert.deepEqual([texts(), home.sets.get(KEY)], [['k: old', 'own: old'], own]);
    assert.equal(home.memory.counts().objects, 2);
  });

  it('does not leave a set here that is out of date', async () => {
    keepOwn(7, 'k', 'own');
    set = { ...set, since: 8 };
    home.peers.beforeTake = () => Promise.reject(silent());
    await assert.rejects(pull(), refused(503));
    nothingIsLeft();
  });
});
