import assert from 'node:assert/strict';
import { ObjectBytes } from '../../../../../invoker/objects/memory/ObjectBytes.js';
import { ObjectMemory } from '../../../../../invoker/objects/memory/ObjectMemory.js';
import { colorKey } from '../../../../../invoker/objects/sharing/colorKey.js';
import { newlyOwned } from '../../../../../invoker/objects/sharing/ColorStates.js';
import { copiesOf } from '../../../../../invoker/objects/sharing/copies.js';
import { CopySets } from '../../../../../invoker/objects/sharing/CopySets.js';
import { currentSets } from '../../../../../invoker/objects/sharing/currentSets.js';

const GUEST = { uuid: 'u', name: 'guest', limitBytes: undefined };
const RED = colorKey(GUEST, 'red');
const FORMER = /taken the color over/;

describe('sets of copies', () => {
  let memory: ObjectMemory;
  let sets: CopySets;

  beforeEach(() => {
    memory = new ObjectMemory({ epoch: 'e', boundBytes: 1024 * 1024 });
    sets = new CopySets(memory);
  });

  function keep(key: string, epoch: number): void {
    sets.admit(GUEST, 'red', epoch);
    const space = copiesOf(GUEST);
    const options = {
      condition: undefined,
      persistence: 'replicated',
      ttlMs: undefined,
      contentType: undefined,
    } as const;
    const address = { color: 'red', key };
    memory.put(space, address, ObjectBytes.ofText('x'), options, memory.reserve(space, address, 1, 0), 0);
  }
  const keys = (): string[] =>
    memory
      .list(copiesOf(GUEST), { color: 'red', prefix: '', after: undefined, limit: 10 }, 0)
      .objects.map(({ key }) => key);

  it('grow until they are complete, and a higher epoch begins another one', () => {
    keep('a', 5);
    keep('b', 5);
    assert.deepEqual([keys(), sets.get(RED)], [['a', 'b'], { epoch: 5, complete: false }]);
    assert.equal(sets.complete(GUEST, 'red', 5, undefined), true);
    assert.deepEqual(sets.get(RED), { epoch: 5, complete: true });
    keep('c', 6);
    assert.deepEqual([keys(), sets.get(RED)], [['c'], { epoch: 6, complete: false }]);
  });

  it('refuse a former owner, also one that has never had a set here', () => {
    keep('a', 5);
    assert.throws(() => sets.admit(GUEST, 'red', 4), FORMER);
    sets.raise(RED, 7);
    assert.equal(sets.epoch(RED), 7);
    assert.throws(() => sets.admit(GUEST, 'red', 5), FORMER);
    assert.throws(() => sets.complete(GUEST, 'red', 6, undefined), FORMER);
    sets.raise(RED, 3);
    assert.equal(sets.epoch(RED), 7);
    assert.deepEqual(keys(), ['a']);
    sets.admit(GUEST, 'green', 1);
  });

  it('pass to the next owner as they are if they are complete and the one that it knows', () => {
    keep('a', 5);
    assert.equal(sets.complete(GUEST, 'red', 8, 5), false);
    sets.complete(GUEST, 'red', 5, undefined);
    assert.equal(sets.complete(GUEST, 'red', 8, 6), false);
    assert.equal(sets.complete(GUEST, 'red', 7, 5), true);
    // The owner has not got the answer.
    assert.equal(sets.complete(GUEST, 'red', 8, 5), true);
    assert.deepEqual([keys(), sets.get(RED)], [['a'], { epoch: 8, complete: true }]);
  });

  it('are not complete if they were lost after their owner began them', () => {
    keep('a', 5);
    sets.drop(GUEST, 'red');
    assert.equal(sets.complete(GUEST, 'red', 5, undefined, true), false);
    assert.equal(sets.get(RED), undefined);
    assert.deepEqual(sets.admit(GUEST, 'red', 5), { epoch: 5, complete: false, begun: true });
    assert.deepEqual(sets.admit(GUEST, 'red', 5), { epoch: 5, complete: false, begun: false });
    assert.equal(sets.complete(GUEST, 'red', 5, undefined, true), true);
  });

  it('are forgotten when a later one is complete elsewhere', () => {
    keep('a', 5);
    sets.forget(GUEST, 'red', 5);
    assert.deepEqual(keys(), ['a']);
    sets.forget(GUEST, 'red', 6);
    assert.deepEqual([keys(), sets.get(RED)], [[], undefined]);
    assert.throws(() => sets.admit(GUEST, 'red', 5), FORMER);
  });

  it('are known for a bounded number of colors', () => {
    sets = new CopySets(memory, 2);
    assert.equal(sets.epoch('red'), 0);
    sets.raise('red', 0);
    assert.equal(sets.epoch('red'), 0);
    sets.raise('red', 1);
    sets.raise('green', 2);
    assert.deepEqual([sets.epoch('red'), sets.epoch('green')], [1, 2]);
    sets.raise('blue', 3);
    assert.deepEqual([sets.epoch('red'), sets.epoch('green'), sets.epoch('blue')], [0, 2, 3]);
  });

  it('go with their copies if there are too many', () => {
    sets = new CopySets(memory, 2);
    keep('a', 5);
    for (const color of ['green', 'blue']) sets.admit(GUEST, color, 5);
    assert.deepEqual([keys(), sets.get(RED)], [[], undefined]);
    assert.deepEqual(sets.get(colorKey(GUEST, 'green')), { epoch: 5, complete: false });
  });

  it('count from the latest complete one on', () => {
    const owned = newlyOwned({ policy: undefined, epoch: 9, lapses: 1, validMs: 8000 });
    const add = (instance: number, epoch: number, complete: boolean, lost = false): void =>
      void owned.copies.set(instance, { peer: { instance, url: `http://i${instance}` }, epoch, complete, lost });
    const current = (own?: { epoch: number; complete: boolean }): number[] =>
      currentSets(owned, own).map(({ epoch }) => epoch);
    assert.deepEqual(current(), []);
    assert.deepEqual(current({ epoch: 0, complete: false }), [0]);
    add(1, 3, false);
    add(2, 2, false);
    assert.deepEqual(current(), [3, 2]);
    add(3, 4, true);
    add(4, 5, false);
    assert.deepEqual(current(), [5, 4]);
    assert.deepEqual(current({ epoch: 6, complete: true }), [6]);
    // A lost set still makes older ones out of date.
    add(3, 4, true, true);
    assert.deepEqual(current(), [5]);
    owned.copiedTo = { peer: { instance: 7, url: 'http://i7' }, epoch: 9, complete: true };
    assert.deepEqual(current({ epoch: 6, complete: true }), [9]);
  });
});
