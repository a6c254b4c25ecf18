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

  it('does not ask the member to skip, wherever it comes in the order', () => {
    const ring = new Ring(0, 64);
    ring.add(range(10));
    const all = order(ring, 99);
    for (const skip of all) {
      assert.deepEqual(
        order(ring, 99, skip),
        all.filter((member) => member !== skip),
      );
    }
    assert.deepEqual(order(ring, 99, 60_000), all, 'one that is no member');
  });

  it('takes members of any number, alone and after others', () => {
    for (const member of [0, 1, 14, 15, 16, 17, 18, 31, 32, 33, 34, 65_535]) {
      const ring = new Ring(0, 4);
      ring.add([member]);
      assert.deepEqual([ring.has(member), ring.size, order(ring, 5)], [true, 1, [member]]);
      const other = new Ring(0, 4);
      other.add([0]);
      other.add([member]);
      assert.deepEqual(
        order(other, 5).toSorted((a, b) => a - b),
        [...new Set([0, member])],
      );
      assert.deepEqual([other.has(0), other.has(member)], [true, true]);
    }
  });

  it('gives a member without weight the least, and counts the others by a weight of 1', () => {
    const ring = new Ring(0, 64);
    ring.add([0, 1, 2]);
    ring.weigh([
      { invoker: 0, weight: 0, warmth: 1 },
      { invoker: 1, weight: 8, warmth: 1 },
    ]);
    const owned = [0, 0, 0];
    for (let i = 0; i < 20_000; i++) owned[ring.at(i * 214_748) ?? 0] = (owned[ring.at(i * 214_748) ?? 0] ?? 0) + 1;
    const [none = 0, eight = 0, one = 0] = owned;
    assert.ok(none < one / 8, owned.join());
    assert.ok(eight / one > 5 && eight / one < 12, owned.join());
  });

  it('goes on from each member to the one that would have the point without it', () => {
    fc.assert(
      fc.property(members, point, fc.nat(), fc.integer({ min: 1, max: 4 }), (there, from, seed, pointsEach) => {
        const ring = new Ring(seed, pointsEach);
        ring.add(there);
        const expected: number[] = [];
        const rest = new Ring(seed, pointsEach);
        rest.add(there);
        for (let next = rest.at(from); next !== undefined; next = rest.at(from)) {
          expected.push(next);
          rest.remove(next);
          assert.equal(rest.has(next), false);
        }
        assert.deepEqual(order(ring, from), expected);
        for (const wanted of there) {
          assert.equal(
            ring.first(from, (member) => member === wanted),
            wanted,
          );
        }
        const even = expected.find((member) => member % 2 === 0);
        assert.equal(
          ring.first(from, (member) => member % 2 === 0),
          even,
        );
        assert.equal(
          ring.first(from, () => false),
          undefined,
        );
      }),
    );
  });

  it('is closed: its end comes before its beginning', () => {
    for (let seed = 0; seed < 50; seed++) {
      const ring = new Ring(seed, 2);
      ring.add(range(5));
      assert.deepEqual(order(ring, 0xffffffff), order(ring, 0));
    }
  });

  it('tells each member that it asks its rank, from that of the first one on', () => {
    const ring = new Ring(0, 64);
    ring.add(range(5));
    const ranksFrom = (rank: number, skip: number): number[] => {
      const ranks: number[] = [];
      ring.walk(99, Infinity, (_, at) => void ranks.push(at), skip, rank);
      return ranks;
    };
    assert.deepEqual(ranksFrom(0, -1), [0, 1, 2, 3, 4]);
    assert.deepEqual(ranksFrom(1, order(ring, 99)[0] ?? -1), [1, 2, 3, 4]);
  });

  it('takes a member back that left', () => {
    const ring = new Ring(0, 64);
    ring.add(range(5));
    const before = order(ring, 99);
    ring.remove(3);
    assert.deepEqual([ring.has(3), ring.members], [false, [0, 1, 2, 4]]);
    ring.add([3]);
    assert.deepEqual(order(ring, 99), before);
  });

  it('is the same in each version: controllers of two versions must agree', () => {
    const ring = new Ring(0, 64);
    ring.add(range(8));
    assert.deepEqual(order(ring, 0), [3, 7, 0, 5, 2, 1, 4, 6]);
    assert.deepEqual(order(ring, 2_000_000_000), [2, 3, 4, 7, 0, 6, 5, 1]);
    const small = new Ring(0, 1);
    small.add([0, 1]);
    assert.deepEqual([small.at(1_461_123_477), small.at(1_461_123_478)], [0, 1], 'a point belongs to its member');
  });

  describe('with weights', () => {
    const POINTS = Array.from({ length: 64 }, (_, i) => i * 67_108_863);
    const weight = fc.record({
      weight: fc.constantFrom(0, 0.5, 1, 2, 3, 4, 100),
      warmth: fc.constantFrom(0.1, 0.5, 1),
    });
    const orders = (ring: Ring): number[][] => POINTS.map((from) => order(ring, from));
    const weighted = (weights: readonly { weight: number; warmth: number }[], factor = 1): Ring => {
      const ring = new Ring(7, 16);
      ring.add(range(weights.length));
      ring.weigh(weights.map((one, invoker) => ({ invoker, warmth: one.warmth, weight: one.weight * factor })));
      return ring;
    };

    it('is the same whatever the members weighed before', () => {
      fc.assert(
        fc.property(fc.array(fc.tuple(weight, weight), { minLength: 1, maxLength: 6 }), (weights) => {
          const ring = weighted(weights.map(([before]) => before));
          ring.weigh(weights.map(([, after], invoker) => ({ invoker, ...after })));
          assert.deepEqual(orders(ring), orders(weighted(weights.map(([, after]) => after))));
        }),
      );
    });

    it('depends on their proportions only', () => {
      const weights = [1, 2, 3, 8].map((one) => ({ weight: one, warmth: 1 }));
      for (const factor of [1 / 8, 1 / 2, 2, 1024]) {
        assert.deepEqual(orders(weighted(weights, factor)), orders(weighted(weights)), String(factor));
      }
    });

    it('is the same without weights as with equal weights, and the default weight is 1', () => {
      const plain = new Ring(7, 16);
      plain.add(range(3));
      const equal = { weight: 256, warmth: 1 };
      assert.deepEqual(orders(weighted([equal, equal, equal])), orders(plain));
      const ring = new Ring(7, 16);
      ring.add(range(3));
      ring.weigh([{ invoker: 1, weight: 4, warmth: 1 }]);
      const one = { weight: 1, warmth: 1 };
      assert.deepEqual(orders(ring), orders(weighted([one, { weight: 4, warmth: 1 }, one])));
    });

    it('has a point of each member, however little it weighs, and no more', () => {
      const ring = new Ring(7, 1);
      ring.add([0]);
      assert.deepEqual(order(ring, 0), [0]);
      const [plain, cold] = [new Ring(7, 1), new Ring(7, 1)];
      for (const one of [plain, cold]) one.add(range(8));
      cold.weigh(range(4).map((invoker) => ({ invoker, weight: 1, warmth: 0.001 })));
      assert.deepEqual(orders(cold), orders(plain));
    });
  });

  it('orders two members with the very same point by their numbers, whichever came first', () => {
    const shared = 3_433_698_758;
    for (const [first, second] of [
      [3846, 18_185],
      [18_185, 3846],
    ] as const) {
      const ring = new Ring(0, 4);
      ring.add([first]);
      assert.equal(ring.at(shared), first);
      ring.add([second]);
      assert.equal(ring.at(shared), 3846);
    }
  });
});
