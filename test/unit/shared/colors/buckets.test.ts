import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  BUCKETS,
  decodeOwners,
  emptyTable,
  encodeOwners,
  imbalance,
  NOBODY,
  rebalance,
  reconcile,
  type Move,
} from '../../../../shared/colors/buckets.js';
import { range } from './workload.js';

const countsOf = (owners: Uint16Array): Map<number, number> => {
  const counts = new Map<number, number>();
  for (const owner of owners) counts.set(owner, (counts.get(owner) ?? 0) + 1);
  return counts;
};
const usesOf = (uses: Readonly<Record<number, number>>): Float64Array => {
  const all = new Float64Array(BUCKETS);
  for (const [bucket, count] of Object.entries(uses)) all[Number(bucket)] = count;
  return all;
};

describe('the table of buckets', () => {
  it('is divided evenly, and has no owners without members', () => {
    for (const count of [1, 3, 7, 1000]) {
      const counts = [...countsOf(reconcile(emptyTable(), range(count))).values()];
      assert.equal(counts.length, count);
      assert.ok(Math.max(...counts) - Math.min(...counts) <= 1);
    }
    assert.deepEqual(countsOf(reconcile(reconcile(emptyTable(), [1, 2]), [])), new Map([[NOBODY, BUCKETS]]));
  });

  it('gives a bucket to the lower number in a tie, and takes it from the lower number', () => {
    const three = countsOf(reconcile(emptyTable(), [0, 1, 2]));
    // 16,384 is three times 5,461, and 1.
    assert.deepEqual(
      [0, 1, 2].map((owner) => three.get(owner)),
      [5462, 5461, 5461],
    );
    const joined = countsOf(reconcile(reconcile(emptyTable(), [0, 1]), [0, 1, 2]));
    assert.deepEqual(
      [0, 1, 2].map((owner) => joined.get(owner)),
      [5461, 5462, 5461],
    );
  });

  it('gives a bucket to the member that is furthest below its share with it', () => {
    const shares = [1.6, 16_382.4];
    const weightOf = (member: number): number => shares[member] ?? 0;
    // With one more bucket the second member is closer to its share than the first one with a second bucket.
    assert.deepEqual(
      countsOf(reconcile(emptyTable(), [0, 1], weightOf, new Set())),
      new Map([
        [0, 1],
        [1, 16_383],
      ]),
    );
  });

  it('gives a joining member buckets of the fullest, and those of a leaving member to the emptiest', () => {
    const uneven = new Uint16Array(BUCKETS).fill(0, 0, 9000).fill(1, 9000, 14_000).fill(2, 14_000);
    const joined = countsOf(reconcile(uneven, [0, 1, 2, 3]));
    // A fair share is 4,096: 4,000 until the first has no more than the second, then from both in turn.
    assert.deepEqual(joined, new Map([0, 1, 2, 3].map((owner) => [owner, [4952, 4952, 2384, 4096][owner]])));
    // The first one's 9,000 bring the third level with the second, and then both on.
    assert.deepEqual(
      countsOf(reconcile(uneven, [1, 2])),
      new Map([
        [1, 8192],
        [2, 8192],
      ]),
    );
  });

  it('is divided in proportion to the weights, or evenly if all weights are 0', () => {
    const divided = (...weights: number[]): number[] => {
      const counts = countsOf(reconcile(emptyTable(), range(weights.length), (member) => weights[member] ?? 0));
      return weights.map((_, member) => counts.get(member) ?? 0);
    };
    assert.deepEqual(divided(1, 3), [4096, 12_288]);
    assert.deepEqual(divided(0.25, 0.75), [4096, 12_288]);
    assert.deepEqual(divided(0, 0), [8192, 8192]);
    assert.deepEqual(divided(1, 0), [16_384, 0]);
  });

  it('takes from whoever is furthest above its share in proportion, and nothing that is within a share', () => {
    const owners = new Uint16Array(BUCKETS).fill(0, 0, 3).fill(1, 3, 13_003).fill(2, 13_003);
    const weights = [2, 8000, 8382];
    const counts = countsOf(reconcile(owners, [0, 1, 2], (member) => weights[member] ?? 0, new Set([2])));
    assert.deepEqual([counts.get(0), counts.get(1), counts.get(2)], weights);
  });

  it('is the same for the same history', () => {
    const history = [[0, 1, 2], [0, 2, 3], [3], [1, 3, 4, 5]];
    const run = (): Uint16Array => history.reduce((owners, members) => reconcile(owners, members), emptyTable());
    assert.deepEqual(run(), run());
  });
});

describe('the rebalance of buckets', () => {
  it('moves one bucket in the worked example', () => {
    const owners = new Uint16Array(BUCKETS).fill(1);
    owners.set([0, 0, 0, 2]);
    const loads = [60, 30, 30].map((load, invoker) => ({ invoker, load }));
    const moves = rebalance(owners, usesOf({ 0: 3, 1: 2, 2: 1, 3: 1, 4: 1 }), loads, 1.05, 100);
    assert.deepEqual(moves, [{ bucket: 2, from: 0, to: 1 }]);
  });

  it('leaves alone a load that is just as high as it may be', () => {
    const owners = new Uint16Array(BUCKETS).fill(1);
    owners.set([0, 0, 0, 0, 0, 0]);
    const uses = usesOf({ 0: 1, 1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1 });
    const moved = (load: number): number =>
      rebalance(
        owners,
        uses,
        [
          { invoker: 0, load },
          { invoker: 1, load: 80 - load },
        ],
        1.5,
        1,
      ).length;
    assert.deepEqual([moved(60), moved(61)], [0, 1]);
  });

  /** The moves of at most 100 buckets. @param loads by invoker. @param owned the uses of each invoker's buckets. */
  const movesOf = (
    loads: readonly number[],
    owned: readonly (readonly number[])[],
    { to = 1.05, weights = loads.map(() => 1), order = range(loads.length) } = {},
  ): Move[] => {
    const owners = emptyTable();
    owners.set(owned.flatMap((buckets, invoker) => buckets.map(() => invoker)));
    const reported = order.map((invoker) => ({ invoker, load: loads[invoker] ?? 0 }));
    return rebalance(
      owners,
      usesOf(Object.fromEntries(owned.flat().entries())),
      reported,
      to,
      100,
      (invoker) => weights[invoker] ?? 0,
    );
  };

  it('moves nothing without reports', () => {
    assert.deepEqual(movesOf([], []), []);
    assert.deepEqual(movesOf([0, 0], [[1], [1]]), []);
  });

  it('moves the bucket with the most load that fits, in whichever order the buckets are', () => {
    // The mean is 40 and the receiver may have 42: both 15 and 20 fit, and 25 does not.
    const moved = { from: 0, to: 1 };
    assert.deepEqual(movesOf([60, 20], [[15, 20, 25], [1]]), [{ ...moved, bucket: 1 }]);
    assert.deepEqual(movesOf([60, 20], [[20, 15, 25], [1]]), [{ ...moved, bucket: 0 }]);
    assert.deepEqual(movesOf([60, 20], [[25, 20, 15], [1]]), [{ ...moved, bucket: 1 }]);
  });

  it('fills a receiver up to its share, and not beyond', () => {
    assert.deepEqual(movesOf([64, 16], [[20, 44], [1]], { to: 1.5 }), [{ bucket: 1, from: 0, to: 1 }]);
    assert.deepEqual(movesOf([64, 16], [[19, 45], [1]], { to: 1.5 }), [{ bucket: 0, from: 0, to: 1 }]);
  });

  it('moves the coolest of buckets that are too hot, with a margin of a tenth of the mean', () => {
    // The mean is 40: the receiver with 24 may have 42, or less than 56 - 4.
    assert.deepEqual(movesOf([56, 24], [[29, 27], [1]]), [{ bucket: 1, from: 0, to: 1 }]);
    assert.deepEqual(movesOf([56, 24], [[28, 28], [1]]), []);
    assert.deepEqual(movesOf([60, 20], [[31, 29], [1]]), [{ bucket: 1, from: 0, to: 1 }]);
  });

  it('moves bucket after bucket, each once, from the most to the least loaded invoker', () => {
    assert.deepEqual(movesOf([80, 0, 40], [[10, 10, 10, 10, 10, 10, 10, 10], [], [1]], { to: 1.25 }), [
      { bucket: 7, from: 0, to: 1 },
      { bucket: 6, from: 0, to: 1 },
      { bucket: 5, from: 0, to: 1 },
    ]);
  });

  it('keeps a bucket that is too hot for one receiver for the next one', () => {
    // The mean and the bound are 77. The second bucket is hotter, but the second receiver stays far below the giver.
    assert.deepEqual(movesOf([200, 0, 30], [[40, 80, 80], [], [1]], { to: 1 }), [
      { bucket: 0, from: 0, to: 1 },
      { bucket: 1, from: 0, to: 2 },
    ]);
  });

  it('goes on with the next invoker if the most loaded one has no bucket to move', () => {
    assert.deepEqual(movesOf([100, 60, 20, 0], [[], [30, 30], [1], [1]], { to: 1.2 }), [{ bucket: 1, from: 1, to: 3 }]);
  });

  it('prefers the lower number in a tie, in whichever order the reports are', () => {
    for (const order of [
      [0, 1, 2, 3],
      [3, 1, 2, 0],
    ]) {
      const moves = movesOf([20, 60, 60, 20], [[1], [20, 20, 20], [20, 20, 20], [1]], { order });
      assert.deepEqual(moves, [
        { bucket: 3, from: 1, to: 0 },
        { bucket: 6, from: 2, to: 3 },
      ]);
    }
  });

  it('compares loads in proportion to weights', () => {
    assert.deepEqual(movesOf([30, 30], [[1], [10, 20]], { weights: [3, 1] }), [{ bucket: 1, from: 1, to: 0 }]);
    assert.deepEqual(movesOf([60, 20], [[1, 1, 1], [1]], { weights: [3, 1] }), []);
  });

  it('leaves an invoker its last bucket, used or not', () => {
    const weights = [1, 4];
    assert.deepEqual(movesOf([10, 0], [[5], [1]], { weights }), []);
    assert.deepEqual(movesOf([10, 0], [[5, 0], [1]], { weights }), [{ bucket: 0, from: 0, to: 1 }]);
    assert.deepEqual(movesOf([10, 0], [[5, 5], [1]], { weights }), [{ bucket: 1, from: 0, to: 1 }]);
    const heavy = { weights: [1, 100] };
    assert.deepEqual(movesOf([10, 0], [[5, 5], [1]], heavy), [{ bucket: 1, from: 0, to: 1 }]);
  });

  it('moves no more than it may', () => {
    const owners = reconcile(emptyTable(), [0, 1]);
    const uses = new Float64Array(BUCKETS).fill(1);
    const loads = [
      { invoker: 0, load: 100 },
      { invoker: 1, load: 0 },
    ];
    assert.equal(rebalance(owners, uses, loads, 1.05, 10).length, 10);
  });

  it('leaves alone a load that no bucket causes, and the last bucket of an invoker', () => {
    const owners = reconcile(emptyTable(), [0, 1]);
    const loads = [
      { invoker: 0, load: 100 },
      { invoker: 1, load: 1 },
    ];
    assert.deepEqual(rebalance(owners, new Float64Array(BUCKETS), loads, 1.05, 10), []);
    const one = new Uint16Array(BUCKETS).fill(1);
    one[0] = 0;
    assert.deepEqual(rebalance(one, usesOf({ 0: 5 }), loads, 1.05, 10), []);
  });

  it('does not move a bucket to and fro that is too hot for every invoker', () => {
    const owners = reconcile(emptyTable(), [0, 1]);
    const loads = [
      { invoker: 0, load: 100 },
      { invoker: 1, load: 0 },
    ];
    assert.deepEqual(rebalance(owners, usesOf({ 0: 100 }), loads, 1.05, 10), []);
  });
});

describe('the imbalance', () => {
  it('is the highest load by the mean, and 1 without loads', () => {
    assert.equal(imbalance([]), 1);
    assert.equal(imbalance([0, 0]), 1);
    assert.equal(imbalance([3, 1]), 1.5);
    assert.equal(imbalance(new Set([0.25, 0.75])), 1.5);
    assert.equal(imbalance([1, 1, 1]), 1);
  });

  it('compares loads in proportion to weights', () => {
    assert.equal(imbalance([3, 1], [3, 1]), 1);
    assert.equal(imbalance([4, 4], [3, 1]), 2);
    assert.throws(() => imbalance([4, 4], [3]), RangeError);
  });
});

describe('the text of a table', () => {
  it('has two little-endian bytes for each owner', () => {
    const owners = reconcile(emptyTable(), [0, 258]);
    const bytes = Buffer.from(encodeOwners(owners), 'base64');
    assert.deepEqual([bytes.length, ...bytes.subarray(0, 4)], [32_768, 0, 0, 2, 1]);
    assert.deepEqual(decodeOwners(encodeOwners(owners)), owners);
  });

  it('is refused if its length is not that of a table', () => {
    assert.equal(decodeOwners(''), undefined);
    assert.equal(decodeOwners(Buffer.alloc(32_766).toString('base64')), undefined);
    assert.equal(decodeOwners(Buffer.alloc(49_152).toString('base64')), undefined);
  });
});

describe('buckets, whatever happened before', () => {
  it('move only from members that leave, and to members that join', () => {
    const members = fc.uniqueArray(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 10 });
    fc.assert(
      fc.property(fc.array(members, { minLength: 2, maxLength: 5 }), (history) => {
        let owners = emptyTable();
        let before: number[] = [];
        for (const unsorted of history) {
          const now = unsorted.toSorted((a, b) => a - b);
          const next = reconcile(owners, now);
          const joined = now.filter((member) => !before.includes(member));
          const counts = countsOf(next);
          assert.deepEqual(
            [...counts.keys()].toSorted((a, b) => a - b),
            now,
          );
          const takenFor = new Set(
            next.filter((owner, bucket) => owner !== owners[bucket] && now.includes(owners[bucket] ?? NOBODY)),
          );
          for (const owner of takenFor) assert.ok(joined.includes(owner), 'taken for one that joined');
          const spread = [...counts.values()];
          assert.ok(Math.max(...spread) - Math.min(...spread) <= Math.max(2, BUCKETS * 0.001), 'fair shares');
          owners = next;
          before = now;
        }
      }),
      { numRuns: 30 },
    );
  });

  it('never make the busiest invoker busier by a rebalance, and settle', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 12 }),
        fc.array(fc.tuple(fc.integer({ min: 0, max: BUCKETS - 1 }), fc.integer({ min: 1, max: 50 })), {
          minLength: 1,
          maxLength: 200,
        }),
        (count, used) => {
          let owners = reconcile(emptyTable(), range(count));
          const uses = usesOf(Object.fromEntries(used));
          const loadsNow = () => {
            const loads = new Map(range(count).map((invoker) => [invoker, 0]));
            owners.forEach((owner, b) => loads.set(owner, (loads.get(owner) as number) + (uses[b] as number)));
            return [...loads].map(([invoker, load]) => ({ invoker, load }));
          };
          let before = imbalance(loadsNow().map(({ load }) => load));
          for (let round = 0; round < 50; round++) {
            const moves = rebalance(owners, uses, loadsNow(), 1.05, 20);
            assert.ok(moves.length <= 20);
            owners = owners.slice();
            for (const { bucket, from, to } of moves) {
              assert.equal(owners[bucket], from);
              owners[bucket] = to;
            }
            const now = imbalance(loadsNow().map(({ load }) => load));
            assert.ok(now <= before + 1e-9);
            before = now;
            if (moves.length === 0) return;
          }
          assert.fail('still moving after 50 rounds');
        },
      ),
      { numRuns: 15 },
    );
  });
});
