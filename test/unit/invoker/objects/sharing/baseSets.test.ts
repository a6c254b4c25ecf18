import assert from 'node:assert/strict';
import { baseSets, type SetAt } from '../../../../../invoker/objects/sharing/baseSets.js';

/** A complete set. @param instance of the invoker with it; 0: this one. */
const set = (instance: number, epoch: number, more: Partial<SetAt> = {}): SetAt => ({
  peer: instance === 0 ? undefined : { instance, url: `http://invoker${instance}` },
  epoch,
  complete: true,
  ...more,
});
/** The invokers whose sets count, in this order. */
const counting = (...known: SetAt[]): number[] => baseSets(known).map(({ peer }) => peer?.instance ?? 0);

describe('the sets of copies that a new owner begins with', () => {
  it('are none without a complete one', () => {
    assert.deepEqual(counting(), []);
    assert.deepEqual(counting(set(1, 5, { complete: false }), set(0, 6, { complete: false })), []);
  });

  it('are the newest one, whatever was begun since', () => {
    assert.deepEqual(counting(set(1, 3), set(2, 5), set(3, 4), set(4, 9, { complete: false })), [2]);
    assert.deepEqual(counting(set(0, 6), set(2, 5)), [0]);
  });

  it('do not include older ones if the newest one is lost', () => {
    assert.deepEqual(counting(set(1, 4), set(2, 5, { lost: true })), []);
    assert.deepEqual(counting(set(0, 4), set(2, 5, { lost: true })), []);
  });

  it('include older ones that have all acknowledged changes, too', () => {
    assert.deepEqual(counting(set(1, 3), set(2, 4), set(3, 6, { since: 4 })), [3, 2]);
    assert.deepEqual(counting(set(1, 3), set(2, 4), set(3, 6, { since: 4, lost: true })), [2]);
    // What an older one says does not count.
    assert.deepEqual(counting(set(1, 3), set(2, 4, { since: 3 }), set(3, 6)), [3]);
    assert.deepEqual(counting(set(1, 3), set(2, 4, { since: 3 }), set(3, 6, { since: 4 })), [3, 2]);
  });

  it('are all with the same epoch, since they are equal', () => {
    assert.deepEqual(counting(set(1, 5), set(2, 5)), [1, 2]);
    assert.deepEqual(counting(set(1, 5, { lost: true }), set(2, 5)), [2]);
    // One of them says more.
    assert.deepEqual(counting(set(1, 3), set(2, 5), set(3, 5, { since: 3 })), [2, 3, 1]);
  });

  it('end with those that may differ in changes that were not acknowledged', () => {
    assert.deepEqual(counting(set(0, 5, { unsure: true }), set(1, 5)), [1, 0]);
    assert.deepEqual(counting(set(0, 5, { unsure: true }), set(1, 5, { lost: true })), [0]);
    assert.deepEqual(counting(set(1, 4), set(0, 5, { unsure: true })), [0]);
  });

  it('begin with that of this invoker, which need not be fetched', () => {
    assert.deepEqual(counting(set(1, 5), set(0, 5)), [0, 1]);
  });
});

describe('the set of an owner whose next home has completed a later one without an answer', () => {
  const at = { instance: 1, url: 'http://one' };

  it('counts if the later one is lost, and not if an even later one is known', () => {
    const own = { epoch: 10, until: 15, complete: true, peer: undefined };
    const later = { epoch: 15, complete: true, peer: at };
    assert.deepEqual(baseSets([own, later]), [later, own]);
    assert.deepEqual(baseSets([own, { ...later, lost: true }]), [own]);
    assert.deepEqual(baseSets([own, { ...later, epoch: 16, lost: true }]), []);
  });
});
