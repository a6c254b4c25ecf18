import assert from 'node:assert/strict';
import {
  Adoption,
  type Adopted,
  type AdoptedColor,
  type Handover,
} from '../../../../../invoker/objects/sharing/Adoption.js';
import { colorKey } from '../../../../../invoker/objects/sharing/colorKey.js';
import { newlyOwned, type Owned } from '../../../../../invoker/objects/sharing/ColorStates.js';
import { CopySets, type CopySetState } from '../../../../../invoker/objects/sharing/CopySets.js';
import { PeerClient, PeerError } from '../../../../../invoker/objects/sharing/PeerClient.js';
import type { Peer } from '../../../../../shared/objects/Locate.js';
import { ObjectError } from '../../../../../shared/objects/ObjectError.js';
import { A, newMemory, refused } from '../memory/memories.js';

const RED = { namespace: A, color: 'red', policy: undefined };
const KEY = colorKey(A, 'red');
const peer = (instance: number): Peer => ({ instance, url: `http://invoker${instance}` });
const SELF = peer(0);
const whole = (epoch: number, since?: number): CopySetState => ({
  epoch,
  complete: true,
  ...(since === undefined ? {} : { since }),
});

/** Answers with the handovers of the invokers. */
class Replies extends PeerClient {
  readonly replies = new Map<number, Partial<Handover>>();

  constructor() {
    super('secret', 'invoker0');
  }

  override async ask({ instance }: Peer): Promise<unknown> {
    const reply = this.replies.get(instance);
    if (!reply) throw new PeerError('dead', 'it is dead');
    const nothing = { busy: false, behind: false, raised: [], epoch: 0, objects: false, formers: [], sets: [] };
    return { ...nothing, run: `${instance}-a`, ...reply };
  }
}

describe('the sets of copies of a color that is taken over', () => {
  let peers: Replies;
  let sets: CopySets;
  let adoption: Adoption;
  /** The numbers of the invokers that were asked for their sets, in this order. */
  let pulled: number[];
  /** What becomes of a pull. Missing: it succeeds. */
  let outcomes: Map<number, 'gone' | Error>;

  beforeEach(() => {
    [peers, sets, pulled] = [new Replies(), new CopySets(newMemory()), []];
    outcomes = new Map<number, 'gone' | Error>();
    adoption = new Adoption({
      peers,
      sets,
      holders: { ask: (_, request) => request() },
      pull: async ({ from, set, own, epoch }) => {
        pulled.push(from.instance);
        // As `pullSet` does.
        if (!own) sets.drop(A, 'red');
        assert.ok(epoch > set.epoch);
        const outcome = outcomes.get(from.instance);
        if (outcome instanceof Error) throw outcome;
        if (outcome === 'gone') return undefined;
        const before = sets.get(KEY);
        const fetched = { policy: undefined, keys: new Set<string>(), from: A, before, now: 0 };
        sets.fetched(A, 'red', set, fetched);
        return set;
      },
      now: () => 1000,
      run: '0-a',
    });
  });
  afterEach(() => peers.close());

  const run = (changes: Partial<AdoptedColor> = {}): Promise<Adopted> =>
    adoption.run({
      ...RED,
      self: SELF,
      up: [1, 2, 3].map(peer),
      away: [],
      validMs: 1000,
      lapses: 1,
      sureAt: -Infinity,
      isCurrent: () => true,
      lapsed: undefined,
      claim: undefined,
      ...changes,
    });
  const tell = (instance: number, reply: Partial<Handover> = {}): void => void peers.replies.set(instance, reply);
  const lost = ({ owned }: Adopted): number[] =>
    [...owned.copies].filter(([, set]) => set.lost === true).map(([instance]) => instance);
  /** This invoker has a complete set. */
  function keep(epoch: number): void {
    sets.demote(RED, whole(epoch), 0);
  }

  it('are none, and then nothing is fetched', async () => {
    tell(1);
    tell(2, { set: { epoch: 5, complete: false } });
    const { owned } = await run();
    assert.deepEqual([owned.base, pulled], [undefined, []]);
  });

  it('are fetched: the newest complete one', async () => {
    tell(1, { set: whole(5) });
    tell(2, { set: whole(7) });
    tell(3, { set: { epoch: 9, complete: false } });
    const { owned } = await run();
    assert.deepEqual([owned.base, pulled], [whole(7), [2]]);
    assert.deepEqual([...owned.copies.keys()], [1, 2, 3]);
  });

  it('are not waited for at an invoker that is silent if their owner has kept a set that is as good', async () => {
    const cause = new PeerError('silent', 'it does not answer');
    outcomes.set(1, new ObjectError(503, 'It does not answer.', { cause }));
    tell(1, { set: whole(7) });
    const kept = { epoch: 7, complete: true, unsure: true };
    tell(2, { set: kept });
    await assert.rejects(run(), refused(503));
    tell(2, { set: { ...kept, until: 8 } });
    pulled = [];
    const result = await run();
    assert.deepEqual([result.owned.base, pulled, lost(result)], [{ ...kept, until: 8 }, [1, 2], []]);
  });

  it('are waited for at an invoker that is silent if a later owner may have read them', async () => {
    const cause = new PeerError('silent', 'it does not answer');
    outcomes.set(1, new ObjectError(503, 'It does not answer.', { cause }));
    tell(1, { set: whole(7) });
    const kept = { epoch: 7, complete: true, unsure: true, until: 8 };
    for (const later of [{ epoch: 9, run: '4-a' }, { epoch: 9 }]) {
      tell(2, { set: kept, raised: [later] });
      await assert.rejects(run(), refused(503, /does not answer/));
    }
    tell(2, { set: kept, raised: [{ epoch: 8 }, { epoch: 9, run: '3-a' }] });
    await assert.rejects(run(), refused(503, /does not answer/));
    // This one knows that it did not become the owner.
    tell(3, { raised: [{ epoch: 9, run: '3-a' }] });
    assert.deepEqual((await run()).owned.base, kept);
  });

  it('are waited for at an invoker that is silent if the set that is as good is lost', async () => {
    const cause = new PeerError('silent', 'it does not answer');
    outcomes.set(1, new ObjectError(503, 'It does not answer.', { cause }));
    outcomes.set(2, 'gone');
    tell(1, { set: whole(7) });
    tell(2, { set: { epoch: 7, complete: true, unsure: true, until: 8 } });
    await assert.rejects(run(), refused(503, /does not answer/));
    assert.deepEqual(pulled, [1, 2]);
  });

  it('are not fetched if that of this invoker counts', async () => {
    keep(7);
    tell(1, { set: whole(7) });
    tell(2, { set: whole(5) });
    const { owned } = await run();
    assert.deepEqual([owned.base, pulled], [whole(7), []]);
  });

  it('are fetched from the next invoker if one of them is gone, which is marked as lost', async () => {
    tell(1, { set: whole(5) });
    tell(2, { set: whole(7, 5) });
    outcomes.set(2, 'gone');
    const adopted = await run();
    assert.deepEqual([adopted.owned.base, pulled, lost(adopted)], [whole(5), [2, 1], [2]]);
  });

  it('are that of this invoker if it has all acknowledged changes, and the invokers with newer ones die one after the other', async () => {
    keep(5);
    tell(1, { set: whole(6) });
    tell(2, { set: whole(7, 5) });
    outcomes.set(1, 'gone');
    outcomes.set(2, 'gone');
    const adopted = await run();
    assert.deepEqual([adopted.owned.base, pulled, lost(adopted)], [whole(5), [2, 1], [1, 2]]);
  });

  it('are that of this invoker if the newer one is gone, and this one has all acknowledged changes', async () => {
    keep(5);
    tell(2, { set: whole(7, 5) });
    outcomes.set(2, 'gone');
    const adopted = await run();
    assert.deepEqual([adopted.owned.base, lost(adopted)], [whole(5), [2]]);
  });

  it('are lost, and older ones do not come back instead', async () => {
    keep(4);
    tell(1, { set: whole(5) });
    tell(2, { set: whole(7) });
    outcomes.set(2, 'gone');
    const adopted = await run();
    assert.deepEqual([adopted.owned.base, pulled, lost(adopted)], [undefined, [2], [2]]);
  });

  it('are lost if their invoker has started again, also if it is this one', async () => {
    tell(1, { set: whole(5), sets: [{ ...whole(7), peer: peer(2) }] });
    tell(2);
    const other = await run();
    assert.deepEqual([other.owned.base, pulled, lost(other)], [undefined, [], [2]]);
    tell(1, { set: whole(5), sets: [{ ...whole(7), peer: SELF }] });
    const self = await run();
    assert.deepEqual([self.owned.base, pulled, lost(self)], [undefined, [], [0]]);
  });

  it('are waited for if their invoker does not answer', async () => {
    tell(1, { set: whole(5) });
    tell(2, { set: whole(7, 5) });
    outcomes.set(2, new ObjectError(503, 'silent', { cause: new PeerError('silent', 'silent') }));
    await assert.rejects(run(), refused(503, /silent/));
    assert.deepEqual(pulled, [2]);
  });

  it('are known from a lapsed ownership of this invoker', async () => {
    const lapsed: Owned = newlyOwned({ ...RED, epoch: 7, lapses: 0, validMs: 1000 });
    lapsed.copiedTo = { ...whole(7), peer: peer(2) };
    tell(1, { set: whole(5) });
    tell(2, { set: whole(7) });
    assert.deepEqual((await run({ lapsed })).owned.base, whole(7));
    // Its invoker has started again.
    sets.drop(A, 'red');
    tell(2);
    const adopted = await run({ lapsed });
    assert.deepEqual([adopted.owned.base, lost(adopted)], [undefined, [2]]);
  });

  it('that others tell of say, too, from when on sets have all acknowledged changes', async () => {
    // The invoker with the newest one has ended. Another one knows it, and has the set from which it came.
    tell(1, { set: whole(5), sets: [{ ...whole(7, 5), peer: peer(9) }] });
    outcomes.set(9, 'gone');
    const adopted = await run();
    assert.deepEqual([adopted.owned.base, pulled, lost(adopted)], [whole(5), [9, 1], [9]]);
  });

  it('are not those with which the color is taken over if they are removed here meanwhile', async () => {
    tell(2, { set: whole(7) });
    const fetched = sets.fetched.bind(sets);
    sets.fetched = (...asked) => {
      fetched(...asked);
      sets.admit(A, 'red', Date.now() * 2);
    };
    await assert.rejects(run(), refused(503, /copies of the color move/));
  });
});
