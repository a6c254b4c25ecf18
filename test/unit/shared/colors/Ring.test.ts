import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Ring } from '../../../../shared/colors/Ring.js';
import { range } from './workload.js';

const order = (ring: Ring, point: number, skip = -1): number[] => {
  const met: number[] = [];
  ring.walk(
    point,
    Infinity,
    (member) => {
      met.push(member);
      return false;
    },
    skip,
  );
  return met;
};
const members = fc.uniqueArray(fc.integer({ min: 0, max: 300 }), { maxLength: 12 });
const point = fc.integer({ min: 0, max: 0xffffffff });

describe('the ring', () => {
  it('meets every member once, from any point', () => {
    fc.assert(
      fc.property(members, point, (there, from) => {
        const ring = new Ring(7, 16);
        ring.add(there);
        assert.deepEqual(
          order(ring, from).toSorted((a, b) => a - b),
          there.toSorted((a, b) => a - b),
        );
        const [first] = order(ring, from);
        assert.equal(ring.at(from), first);
        if (first !== undefined) assert.deepEqual(order(ring, from, first), order(ring, from).slice(1));
      }),
    );
  });

  it('is the same whatever the history of its members', () => {
    fc.assert(
      fc.property(members, members, point, (there, passing, from) => {
        const ring = new Ring(7, 16);
        const other = new Ring(7, 16);
        ring.add(there);
        other.add(passing);
        for (const member of there.toReversed()) other.add([member]);
        for (const member of passing) if (!there.includes(member)) other.remove(member);
        assert.deepEqual(order(ring, from), order(other, from));
        assert.deepEqual(ring.members, other.members);
      }),
    );
  });

  it('keeps the order of the others when one leaves', () => {
    const ring = new Ring(0, 64);
    ring.add(range(10));
    const before = order(ring, 12345);
    ring.remove(4);
    assert.deepEqual(
      order(ring, 12345),
      before.filter((member) => member !== 4),
    );
  });

  it('asks no more than it may, and ranks those that it asks', () => {
    const ring = new Ring(0, 64);
    ring.add(range(10));
    const [, second, third] = order(ring, 99);
    assert.equal(
      ring.walk(99, 2, (member) => member === third),
      undefined,
    );
    assert.deepEqual(
      ring.walk(99, 3, (member) => member === third),
      { invoker: third, rank: 2 },
    );
    assert.deepEqual(
      ring.walk(99, 3, () => true, order(ring, 99)[0], 1),
      { invoker: second, rank: 1 },
    );
  });

  it('passes over those that are not to be asked, without counting them', () => {
    const ring = new Ring(0, 64);
    ring.add(range(10));
    const all = order(ring, 99);
    const last = (member: number) => (member === all[9] ? true : undefined);
    assert.deepEqual(ring.walk(99, 1, last), { invoker: all[9], rank: 9 });
    const afterOneNo = (member: number) => (member === all[4] ? false : last(member));
    assert.equal(ring.walk(99, 1, afterOneNo), undefined);
    assert.deepEqual(ring.walk(99, 2, afterOneNo), { invoker: all[9], rank: 9 });
  });
});
