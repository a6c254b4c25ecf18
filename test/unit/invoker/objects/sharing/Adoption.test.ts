import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ObjectMemory } from '../../../../../invoker/objects/memory/ObjectMemory.js';
import { Adoption, type Adopted, type AdoptedColor } from '../../../../../invoker/objects/sharing/Adoption.js';
import { colorKey } from '../../../../../invoker/objects/sharing/colorKey.js';
import { newlyOwned } from '../../../../../invoker/objects/sharing/ColorStates.js';
import { CopySets } from '../../../../../invoker/objects/sharing/CopySets.js';
import { PeerClient } from '../../../../../invoker/objects/sharing/PeerClient.js';
import type { Peer } from '../../../../../shared/objects/Locate.js';
import { GUEST } from './cluster.js';

/** Also the limit for a reply, which takes long on a busy machine. */
const VALID_MS = 2000;
const RED = { namespace: GUEST, color: 'red', policy: undefined };
const SELF: Peer = { instance: 0, url: 'http://127.0.0.1:1' };

describe('the adoption of a color', () => {
  const memory = new ObjectMemory({ epoch: 'e', boundBytes: 1024 * 1024 });
  /** The replies of the other invokers; undefined: they do not answer. */
  let replies: ((url: string) => object | undefined)[];
  let servers: Server[];
  let candidates: Peer[];
  let peers: PeerClient;
  let adoption: Adoption;
  let now: number;
  let sets: CopySets;

  beforeEach(async () => {
    now = 1000;
    replies = [() => undefined, () => undefined];
    peers = new PeerClient('a secret', 'invoker0');
    sets = new CopySets(memory);
    adoption = new Adoption({
      peers,
      sets,
      holders: { ask: (_, request) => request() },
      pull: async () => assert.fail('there are no sets'),
      now: () => now,
      run: '0-a',
    });
    servers = replies.map((_, i) =>
      createServer((request, response) => {
        const reply = replies[i]?.(request.url ?? '');
        if (reply) response.end(JSON.stringify(reply));
      }).listen(0, '127.0.0.1'),
    );
    await Promise.all(servers.map((server) => once(server, 'listening')));
    candidates = servers.map((server, i) => {
      const { port } = server.address() as AddressInfo;
      return { instance: i + 1, url: `http://127.0.0.1:${port}` };
    });
  });
  afterEach(async () => {
    await peers.close();
    for (const server of servers) server.close().closeAllConnections();
  });

  const run = (changes: Partial<AdoptedColor> = {}): Promise<Adopted> =>
    adoption.run({
      namespace: GUEST,
      color: 'red',
      self: SELF,
      up: [],
      away: candidates,
      validMs: VALID_MS,
      policy: undefined,
      lapses: 1,
      sureAt: -Infinity,
      lapsed: undefined,
      claim: undefined,
      isCurrent: () => true,
      ...changes,
    });
  const HANDED = { busy: false, behind: false, raised: [], epoch: 0, objects: false, formers: [], sets: [] };
  const formers = ({ owned }: Adopted): number[] => [...owned.formers.keys()].toSorted((a, b) => a - b);

  it('remembers invokers that were silent, which may have copies, and not those that are dead or have answered', async () => {
    const lapsed = newlyOwned({ ...RED, epoch: 6, lapses: 1, validMs: VALID_MS });
    const [answering, silent] = candidates;
    assert.ok(answering && silent);
    const dead = { instance: 3, url: 'http://127.0.0.1:1' };
    const outside = { instance: 4, url: 'http://127.0.0.1:2' };
    for (const peer of [answering, dead, outside]) lapsed.mayHold.set(peer.instance, peer);
    replies[0] = () => HANDED;
    const asked = { away: [answering, silent, dead], lapsed };
    await assert.rejects(run(asked), /does not answer/);
    now += VALID_MS;
    assert.deepEqual([...(await run(asked)).owned.mayHold.values()], [outside, silent]);
  });

  it('waits until an invoker has been silent for as long as it may serve without a controller', async () => {
    replies[1] = () => HANDED;
    await assert.rejects(run(), /invoker1, which may have its objects, does not answer/);
    now += VALID_MS - 1;
    await assert.rejects(run(), /does not answer/);
    now += 1;
    assert.equal((await run()).outdated, false);
  });

  it('waits as long as the controllers reach a silent invoker', async () => {
    replies[1] = () => HANDED;
    for (const _ of [1, 2, 3]) {
      await assert.rejects(run({ up: candidates, away: [] }), /does not answer/);
      now += VALID_MS;
    }
    await run();
  });

  it('does not join two silences of an invoker that was not asked in between, or of two times as the home', async () => {
    replies[1] = () => HANDED;
    await assert.rejects(run(), /does not answer/);
    now += 3001;
    await assert.rejects(run(), /does not answer/);
    now += VALID_MS;
    adoption.endSilences(colorKey(GUEST, 'red'));
    await assert.rejects(run(), /does not answer/);
    now += VALID_MS;
    await run();
  });

  it('counts the objects that the latest owner has counted, and no others', async () => {
    const [first, second] = candidates;
    assert.ok(first && second);
    replies = [() => ({ ...HANDED, objects: true, ownedEpoch: 5, formers: [] }), () => ({ ...HANDED, objects: true })];
    const uncounted = await run();
    assert.deepEqual([formers(uncounted), uncounted.outdated], [[1], true]);
    replies[0] = () => ({ ...HANDED, ownedEpoch: 5, formers: [second, SELF] });
    const counted = await run();
    assert.deepEqual([formers(counted), counted.outdated], [[2], false]);
  });

  it('believes the latest owner, also if an epoch is known that is higher than its own', async () => {
    const [first] = candidates;
    assert.ok(first);
    let asked = 0;
    replies = [
      // It says once only that it was the owner.
      () => ({ ...HANDED, objects: true, epoch: 1, ...(asked++ === 0 ? { ownedEpoch: 7, formers: [SELF] } : {}) }),
      () => ({ ...HANDED, objects: true, epoch: asked === 1 ? 2 ** 50 : 1, ownedEpoch: 6, formers: [first] }),
    ];
    const adopted = await run();
    assert.equal(asked, 2);
    assert.deepEqual([formers(adopted), adopted.outdated, adopted.owned.epoch], [[1], false, 2 ** 50 + 1]);
  });

  it('prefers a lapsed ownership of its own to an earlier one of another invoker', async () => {
    const [first] = candidates;
    assert.ok(first);
    replies = [() => ({ ...HANDED, objects: true, ownedEpoch: 5 }), () => HANDED];
    const lapsed = newlyOwned({ ...RED, epoch: 6, lapses: 1, validMs: VALID_MS });
    const adopted = await run({ lapsed });
    assert.deepEqual([formers(adopted), adopted.outdated], [[], false]);
    // Another invoker has had it since.
    replies[0] = () => ({ ...HANDED, objects: true, ownedEpoch: 7 });
    const later = await run({ lapsed });
    assert.deepEqual([formers(later), later.outdated], [[1], true]);
  });

  it('counts no objects of a lapsed ownership if an invoker has started again since, which may have had the color', async () => {
    const lapsed = newlyOwned({ ...RED, epoch: 6, lapses: 0, validMs: VALID_MS });
    const outdated = async (runsForMs: number | undefined, changes: Partial<AdoptedColor> = {}): Promise<boolean> => {
      replies = [() => ({ ...HANDED, runsForMs: 1000 }), () => ({ ...HANDED, runsForMs })];
      return (await run({ lapsed, sureAt: 500, ...changes })).outdated;
    };
    assert.equal(await outdated(500), false);
    assert.equal(await outdated(499), true);
    assert.equal(await outdated(undefined), true);
    // Without a time without contact, only an invoker that was named the home may have had it.
    lapsed.takers.add(1);
    assert.equal(await outdated(0, { lapses: 0 }), false);
    lapsed.takers.add(2);
    assert.equal(await outdated(0, { lapses: 0 }), true);
    assert.equal(await outdated(500, { lapses: 0 }), false);
  });

  it('knows the run that handed a lapsed ownership over, however late its replies come', async () => {
    const reply = (run: string) => (): object => ({ ...HANDED, run, runsForMs: 1000 });
    replies = [reply('1-a'), reply('2-a')];
    const { owned: lapsed } = await run();
    // A reply that takes long: its run seems to have begun after this invoker lost the contact.
    const late = (own: string) => (): object => ({ ...HANDED, run: own, runsForMs: 0 });
    replies = [late('1-a'), late('2-a')];
    assert.equal((await run({ lapsed, lapses: lapsed.lapses + 1, sureAt: 500 })).outdated, false);
    replies = [late('1-a'), late('2-b')];
    assert.equal((await run({ lapsed, lapses: lapsed.lapses + 1, sureAt: 500 })).outdated, true);
  });

  it('counts everything of invokers of an earlier program', async () => {
    const { raised: _, ...earlier } = HANDED;
    replies = [() => ({ ...earlier, objects: true }), () => ({ ...HANDED, objects: true })];
    const adopted = await run();
    assert.deepEqual([formers(adopted), adopted.outdated], [[1, 2], false]);
  });
});
