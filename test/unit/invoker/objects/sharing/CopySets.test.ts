import assert from 'node:assert/strict';
import { ObjectMemory } from '../../../../../invoker/objects/memory/ObjectMemory.js';
import { colorKey } from '../../../../../invoker/objects/sharing/colorKey.js';
import { copiesOf, fetchedOf } from '../../../../../invoker/objects/sharing/copies.js';
import { CopySets } from '../../../../../invoker/objects/sharing/CopySets.js';
import type { Persistence } from '../../../../../shared/objects/ObjectRequest.js';
import { A, put } from '../memory/memories.js';

const COLOR = 'c';
const KEY = colorKey(A, COLOR);
const OF_COLOR = { namespace: A, color: COLOR, policy: undefined };
const COPIES = copiesOf(A);
const FETCHED = fetchedOf(A, 1);
const FORMER = /taken the color over/;

let memory: ObjectMemory;
let sets: CopySets;

function begin(): void {
  memory = new ObjectMemory({ epoch: 'e', boundBytes: 1024 * 1024 });
  sets = new CopySets(memory);
}
const replicated = (space: typeof A, key: string, text = key, ttlMs?: number) =>
  put(memory, space, key, text, 0, { persistence: 'replicated', ttlMs });
function keep(key: string, epoch: number, text = key, ttlMs?: number): void {
  sets.admit(A, COLOR, epoch);
  replicated(COPIES, key, text, ttlMs);
}
const textsOf = (space: typeof A, now = 0): string[] =>
  memory
    .list(space, { color: COLOR, prefix: '', after: undefined, limit: 10 }, now)
    .objects.map(({ key }) => `${key}: ${memory.peek(space, { color: COLOR, key }, now)?.bytes.text()}`);
const keys = (): string[] => textsOf(COPIES).map((text) => text.slice(0, 1));

describe('sets of copies', () => {
  beforeEach(begin);

  it('grow until they are complete, and a higher epoch begins another one', () => {
    keep('a', 5);
    keep('b', 5);
    assert.deepEqual([keys(), sets.get(KEY)], [['a', 'b'], { epoch: 5, complete: false }]);
    assert.equal(sets.complete(OF_COLOR, 5), true);
    assert.deepEqual(sets.get(KEY), { epoch: 5, complete: true });
    keep('c', 6);
    assert.deepEqual([keys(), sets.get(KEY)], [['c'], { epoch: 6, complete: false }]);
  });

  it('refuse a former owner, also one that has never had a set here', () => {
    keep('a', 5);
    assert.throws(() => sets.admit(A, COLOR, 4), FORMER);
    sets.raise(KEY, 7);
    assert.equal(sets.epoch(KEY), 7);
    assert.throws(() => sets.admit(A, COLOR, 5), FORMER);
    assert.throws(() => sets.complete(OF_COLOR, 6), FORMER);
    sets.raise(KEY, 3);
    assert.equal(sets.epoch(KEY), 7);
    assert.deepEqual(keys(), ['a']);
    sets.admit(A, 'green', 1);
  });

  it('pass to the next owner as they are if they are complete and the one that it knows', () => {
    keep('a', 5);
    assert.equal(sets.complete(OF_COLOR, 8, { from: 5 }), false);
    sets.complete(OF_COLOR, 5);
    assert.equal(sets.complete(OF_COLOR, 8, { from: 6 }), false);
    assert.equal(sets.complete(OF_COLOR, 7, { from: 5 }), true);
    // The owner has not got the answer.
    assert.equal(sets.complete(OF_COLOR, 8, { from: 5 }), true);
    assert.deepEqual([keys(), sets.get(KEY)], [['a'], { epoch: 8, complete: true }]);
  });

  it('keep their epoch, and refuse earlier owners, while the next owner makes them like its objects', () => {
    keep('a', 5);
    sets.complete(OF_COLOR, 5);
    assert.equal(sets.complete(OF_COLOR, 7, { from: 5, aligns: true }), true);
    assert.deepEqual([sets.get(KEY), sets.epoch(KEY)], [{ epoch: 5, complete: true, unsure: true }, 7]);
    assert.ok(sets.raised(KEY).some(({ epoch }) => epoch === 7));
    for (const epoch of [5, 6]) assert.throws(() => sets.admit(A, COLOR, epoch), FORMER);
    assert.equal(sets.admit(A, COLOR, 7).complete, true);
    keep('b', 7);
    assert.deepEqual(keys(), ['a', 'b']);
    // Its answer got lost: the owner begins again.
    assert.equal(sets.complete(OF_COLOR, 8, { from: 5, aligns: true }), true);
    assert.throws(() => sets.admit(A, COLOR, 7), FORMER);
    assert.equal(sets.complete(OF_COLOR, 8, { from: 5 }), true);
    assert.deepEqual([keys(), sets.get(KEY)], [['a', 'b'], { epoch: 8, complete: true }]);
    sets.drop(A, COLOR);
    assert.equal(sets.complete(OF_COLOR, 9, { from: 8, aligns: true }), false);
  });

  it('are not complete if they were lost after their owner began them', () => {
    keep('a', 5);
    sets.drop(A, COLOR);
    assert.equal(sets.complete(OF_COLOR, 5, { begun: true }), false);
    assert.equal(sets.get(KEY), undefined);
    assert.deepEqual(sets.admit(A, COLOR, 5), { epoch: 5, complete: false, begun: true });
    assert.deepEqual(sets.admit(A, COLOR, 5), { epoch: 5, complete: false, begun: false });
    assert.equal(sets.complete(OF_COLOR, 5, { begun: true }), true);
  });

  it('are forgotten when a later one is complete elsewhere', () => {
    keep('a', 5);
    sets.forget(A, COLOR, 5);
    assert.deepEqual(keys(), ['a']);
    sets.forget(A, COLOR, 6);
    assert.deepEqual([keys(), sets.get(KEY)], [[], undefined]);
    assert.throws(() => sets.admit(A, COLOR, 5), FORMER);
  });

  it('are known for a bounded number of colors', () => {
    sets = new CopySets(memory, { maxColors: 2 });
    sets.raise('red', 1);
    sets.raise('green', 2);
    assert.deepEqual([sets.epoch('red'), sets.epoch('green')], [1, 2]);
    sets.raise('blue', 3);
    assert.deepEqual([sets.epoch('red'), sets.epoch('green'), sets.epoch('blue')], [0, 2, 3]);
  });

  it('stay with their copies if there are too many, and go without them', () => {
    sets = new CopySets(memory, { maxColors: 2, maxSets: 3 });
    keep('a', 5);
    for (const color of ['green', 'blue']) sets.admit(A, color, 5);
    assert.deepEqual([keys(), sets.get(KEY)], [['a'], { epoch: 5, complete: false }]);
    assert.deepEqual(
      ['green', 'blue'].map((color) => sets.get(colorKey(A, color))),
      [undefined, { epoch: 5, complete: false }],
    );
    for (const color of ['blue', 'grey']) {
      sets.admit(A, color, 5);
      put(memory, copiesOf(A), 'k', 'copy', 0, { persistence: 'replicated' }, color);
    }
    assert.throws(() => sets.admit(A, 'green', 5), { status: 503 });
    assert.deepEqual(sets.admit(A, 'grey', 5), { epoch: 5, complete: false, begun: false });
  });

  it('refuse earlier owners when a later one fetches them, and stay', () => {
    keep('a', 5);
    sets.complete(OF_COLOR, 5);
    assert.deepEqual(sets.fence(A, COLOR, 7), { epoch: 5, complete: true });
    assert.throws(() => sets.admit(A, COLOR, 5), FORMER);
    assert.throws(() => sets.fence(A, COLOR, 6), FORMER);
    assert.deepEqual(sets.fence(A, COLOR, 7), { epoch: 5, complete: true });
    assert.deepEqual(keys(), ['a']);
    assert.equal(sets.fence(A, 'green', 7), undefined);
  });
});

describe('a set of copies that is fetched', () => {
  beforeEach(begin);
  const fetched = (names: string[], before = sets.get(KEY)): void =>
    sets.fetched(
      A,
      COLOR,
      { epoch: 7, complete: true, since: 5 },
      { policy: undefined, keys: new Set(names), from: FETCHED, before, now: 0 },
    );

  it('replaces the one that was here, of which it keeps what both have', () => {
    for (const key of ['a', 'b', 'c']) keep(key, 5, 'old');
    sets.complete(OF_COLOR, 5);
    replicated(FETCHED, 'b', 'new');
    replicated(FETCHED, 'd', 'new');
    fetched(['a', 'b', 'd']);
    assert.deepEqual(textsOf(COPIES), ['a: old', 'b: new', 'd: new']);
    assert.deepEqual([textsOf(FETCHED), sets.get(KEY)], [[], { epoch: 7, complete: true, since: 5 }]);
  });

  it('does not replace one that has changed since the fetching began', () => {
    keep('a', 5, 'old');
    const before = sets.get(KEY);
    replicated(FETCHED, 'a', 'new');
    keep('a', 8, 'newest');
    assert.throws(() => fetched(['a'], before), FORMER);
    assert.deepEqual([textsOf(COPIES), sets.get(KEY)?.epoch], [['a: newest'], 8]);
    sets.drop(A, COLOR);
    assert.throws(() => fetched(['a'], before), FORMER);
  });
});

describe('the replicated objects of an owner', () => {
  beforeEach(begin);
  const write = (key: string, text: string, persistence: Persistence): void =>
    void put(memory, A, key, text, 0, { persistence });

  it('are those of the set that it began with, and no others', () => {
    replicated(A, 'a', 'out of date');
    replicated(A, 'x', 'out of date');
    write('b', 'former', 'stored');
    write('m', 'mine', 'memory');
    keep('a', 5, 'copy');
    keep('b', 5, 'copy');
    keep('t', 5, 'copy', 10);
    sets.complete(OF_COLOR, 5);
    const used = memory.usedBytes;
    const promoted = sets.promote(A, COLOR, 0);
    assert.deepEqual(textsOf(A), ['a: copy', 'b: copy', 'm: mine', 't: copy']);
    assert.deepEqual([textsOf(COPIES), sets.get(KEY)], [[], undefined]);
    assert.deepEqual(promoted.toSorted(), ['a', 'b', 't']);
    assert.ok(memory.usedBytes < used);
    assert.deepEqual(textsOf(A, 10), ['a: copy', 'b: copy', 'm: mine']);
  });

  it('are a set again when it is not the owner any more, and other objects stay', () => {
    replicated(A, 'a');
    write('m', 'mine', 'memory');
    write('s', 'mine', 'stored');
    sets.demote(OF_COLOR, { epoch: 6, complete: true, since: 5 }, 0);
    assert.deepEqual([textsOf(A), textsOf(COPIES)], [['m: mine', 's: mine'], ['a: a']]);
    assert.deepEqual(sets.get(KEY), { epoch: 6, complete: true, since: 5 });
    sets.promote(A, COLOR, 0);
    assert.deepEqual(textsOf(A), ['a: a', 'm: mine', 's: mine']);
  });

  it('replace an older set, and are removed if a later owner has begun one', () => {
    keep('a', 5, 'old');
    keep('b', 5, 'old');
    replicated(A, 'a', 'new');
    sets.demote(OF_COLOR, { epoch: 6, complete: true }, 0);
    assert.deepEqual(textsOf(COPIES), ['a: new']);
    replicated(A, 'a', 'older');
    keep('a', 7, 'later');
    for (const epoch of [6, 7]) sets.demote(OF_COLOR, { epoch, complete: true }, 0);
    assert.deepEqual([textsOf(A), textsOf(COPIES)], [[], ['a: later']]);
    assert.deepEqual(sets.get(KEY), { epoch: 7, complete: false });
  });

  it('are removed if they may be out of date', () => {
    replicated(A, 'a');
    write('m', 'mine', 'memory');
    sets.demote(OF_COLOR, undefined, 0);
    assert.deepEqual([textsOf(A), textsOf(COPIES), sets.get(KEY)], [['m: mine'], [], undefined]);
    assert.equal(memory.keptBytes, 0);
  });

  it('are not an epoch of another owner when they are a set', () => {
    sets.demote(OF_COLOR, { epoch: 6, complete: true }, 0);
    assert.deepEqual([sets.raised(KEY), sets.epoch(KEY)], [[], 6]);
    sets.admit(A, COLOR, 8);
    sets.raise(KEY, 7, '1-a');
    assert.deepEqual(sets.raised(KEY), [{ run: '1-a', epoch: 7 }, { epoch: 8 }]);
  });

  it('do not stay for ever in more colors than are remembered if they have no copies', () => {
    sets = new CopySets(memory, { maxColors: 2 });
    const colors = ['d', 'e', 'f', 'g'];
    put(memory, A, 'k', 'k', 0, { persistence: 'replicated' });
    // The objects of the other colors were deleted, and their ownerships end since there are too many.
    for (const color of [COLOR, ...colors]) sets.demote({ ...OF_COLOR, color }, { epoch: 6, complete: true }, 0);
    const left = [COLOR, ...colors].filter((color) => sets.get(colorKey(A, color)));
    assert.deepEqual(left, [COLOR, 'd']);
    assert.deepEqual(keys(), ['k']);
  });
});
