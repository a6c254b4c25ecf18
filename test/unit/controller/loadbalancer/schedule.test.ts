import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  generateHash,
  javaHashCode,
  schedule,
  searchOrder,
  stepSizes,
  type Candidate,
  type ResourceRequest,
} from '../../../../controller/loadbalancer/schedule.js';
import { InvokerCapacity } from '../../../../controller/loadbalancer/InvokerCapacity.js';

const invokers = (count: number, share: number, down: readonly number[] = []): Candidate[] =>
  Array.from({ length: count }, (_, instance) => ({
    instance,
    up: !down.includes(instance),
    seen: true,
    memory: 0,
    capacity: new InvokerCapacity(share),
  }));

const resources = (memory: number, concurrency = 1): ResourceRequest => ({
  key: 'ns/action@0.0.1',
  memory,
  concurrency,
});
const never = (): number => {
  throw new Error('nothing is random here');
};

/** Places and takes the slot; the invoker's number. */
function place(
  candidates: readonly Candidate[],
  hash: number,
  wanted: ResourceRequest,
  sizes: number[],
  random = never,
) {
  const placement = schedule(candidates, sizes, hash, wanted, random);
  placement?.candidate.capacity.take(wanted.key, wanted.concurrency, wanted.memory);
  return placement?.candidate.instance;
}

describe('the sharding schedule', () => {
  it('walks as in the published example: 10 invokers and a hash of 13', () => {
    const candidates = invokers(10, 1);
    const walk = Array.from({ length: 10 }, () => place(candidates, 13, resources(1), stepSizes(10)));
    assert.deepEqual(walk, [3, 6, 9, 2, 5, 8, 1, 4, 7, 0]);
  });

  it('steps by one without step sizes', () => {
    const candidates = invokers(3, 1);
    assert.deepEqual(
      [0, 0, 0].map((hash) => place(candidates, hash, resources(1), [])),
      [0, 1, 2],
    );
  });

  it('has no answer without invokers, or if none is up', () => {
    assert.equal(schedule([], [], 0, resources(1), never), undefined);
    assert.equal(
      schedule(invokers(3, 3, [0, 1, 2]), stepSizes(3), 0, resources(1), () => 0),
      undefined,
    );
  });

  it('fills an invoker, steps on, and chooses at random once all are full', () => {
    const candidates = invokers(3, 3);
    const placed = Array.from({ length: 9 }, () => place(candidates, 0, resources(1), [2]));
    assert.deepEqual(placed, [0, 0, 0, 2, 2, 2, 1, 1, 1]);
    for (const [random, expected] of [
      [0, 0],
      [0.5, 1],
      [0.99, 2],
    ] as const) {
      const placement = schedule(candidates, [2], 0, resources(1), () => random);
      assert.equal(placement?.overloaded, true);
      assert.equal(placement?.candidate.instance, expected);
    }
  });

  it('passes over invokers that are not up, also when it chooses at random', () => {
    const candidates = invokers(4, 3, [1, 2]);
    const placed = Array.from({ length: 6 }, () => place(candidates, 0, resources(1), [1]));
    assert.deepEqual(placed, [0, 0, 0, 3, 3, 3]);
    assert.equal(schedule(candidates, [1], 0, resources(1), () => 0.49)?.candidate.instance, 0);
    assert.equal(schedule(candidates, [1], 0, resources(1), () => 0.5)?.candidate.instance, 3);
  });

  it('takes only an invoker with enough room', () => {
    const candidates = invokers(3, 4);
    assert.deepEqual(
      [3, 2, 1, 4, 2].map((memory) => place(candidates, 0, resources(memory), [1])),
      [0, 1, 0, 2, 1],
    );
    assert.deepEqual(
      candidates.map(({ capacity }) => capacity.free),
      [0, 0, 0],
    );
  });

  it('puts concurrent invocations into containers that are paid for', () => {
    const candidates = invokers(3, 2);
    for (const { instance, capacity } of candidates) {
      for (let container = 0; container < 2; container++) {
        for (let left = 2; left >= 0; left--) {
          assert.equal(place(candidates, 0, resources(1, 3), [1]), instance);
          assert.equal(capacity.placesOf(resources(1).key), left);
        }
      }
    }
  });

  it('finds room wherever there is any, and never on an invoker that is not up', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ up: fc.boolean(), free: fc.nat(1024) }), { minLength: 1, maxLength: 40 }),
        fc.nat(),
        fc.integer({ min: 1, max: 1024 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (list, hash, memory, random) => {
          const candidates = list.map(({ up, free }, instance) => ({
            instance,
            up,
            seen: true,
            memory: 0,
            capacity: new InvokerCapacity(free),
          }));
          const placement = schedule(candidates, stepSizes(list.length), hash, resources(memory), () => random);
          const room = list.some(({ up, free }) => up && free >= memory);
          assert.equal(placement === undefined, !list.some(({ up }) => up));
          if (!placement) return;
          assert.equal(placement.candidate.up, true);
          assert.equal(placement.overloaded, !room);
          if (room) assert.ok(placement.candidate.capacity.free >= memory);
        },
      ),
    );
  });
});

describe('the order of the search', () => {
  const order = (count: number, sizes: readonly number[], hash: number): number[] => {
    const met: number[] = [];
    for (const { instance } of searchOrder(invokers(count, 1), sizes, hash)) {
      met.push(instance);
      assert.ok(met.length <= count, 'each invoker comes once');
    }
    return met;
  };

  it('is that of the schedule, in the published example', () => {
    assert.deepEqual(order(10, stepSizes(10), 13), [3, 6, 9, 2, 5, 8, 1, 4, 7, 0]);
  });

  it('steps by one without step sizes, and is empty without invokers', () => {
    assert.deepEqual(order(3, [], 1), [1, 2, 0]);
    assert.deepEqual(order(0, [], 1), []);
  });
});

describe('step sizes', () => {
  it('have no divisor in common', () => {
    assert.deepEqual(stepSizes(0), []);
    assert.deepEqual(stepSizes(-1), []);
    assert.deepEqual(stepSizes(1), [1]);
    assert.deepEqual(stepSizes(2), [1]);
    assert.deepEqual(stepSizes(3), [1, 2]);
    assert.deepEqual(stepSizes(4), [1, 3]);
    assert.deepEqual(stepSizes(5), [1, 2, 3]);
    assert.deepEqual(stepSizes(9), [1, 2, 5, 7]);
    assert.deepEqual(stepSizes(10), [1, 3, 7]);
  });

  it('make a walk that meets every invoker once', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.nat(), (count, start) => {
        for (const step of stepSizes(count)) {
          const met = new Set(Array.from({ length: count }, (_, i) => (start + i * step) % count));
          assert.equal(met.size, count);
        }
      }),
    );
  });
});

describe('the hash of an action', () => {
  it("is Java's hash code of a string", () => {
    // Values of `String.hashCode`, the last two by overflow below zero.
    assert.equal(javaHashCode(''), 0);
    assert.equal(javaHashCode('a'), 97);
    assert.equal(javaHashCode('hello'), 99162322);
    assert.equal(javaHashCode('polygenelubricants'), -2147483648);
    assert.equal(javaHashCode('hello world'), 1794106052);
  });

  it('combines namespace and action and has no sign', () => {
    assert.equal(generateHash('guest', 'guest/hello'), Math.abs(javaHashCode('guest') ^ javaHashCode('guest/hello')));
    assert.equal(generateHash('', 'polygenelubricants'), 2147483648);
    fc.assert(fc.property(fc.string(), fc.string(), (a, b) => generateHash(a, b) >= 0));
  });

  it('are those of the definition', () => {
    const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));
    for (let count = 1; count <= 200; count++) {
      const expected: number[] = [];
      for (let size = 1; size <= count; size++) {
        if ([count, ...expected].every((other) => divisor(other, size) === 1)) expected.push(size);
      }
      assert.deepEqual(stepSizes(count), expected, `${count}`);
    }
  });
});
