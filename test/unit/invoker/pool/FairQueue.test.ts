import assert from 'node:assert/strict';
import fc from 'fast-check';
import { FairQueue, type Queued } from '../../../../invoker/pool/FairQueue.js';

interface Item extends Queued {
  readonly n: number;
}

let arrivals = 0;

function item(namespace: string, action: string, memoryMB = 256): Item {
  arrivals++;
  return { namespace, flow: `${namespace}|${action}`, memoryMB, arrival: arrivals, n: arrivals };
}

function takeNext(queue: FairQueue<Item>): Item | undefined {
  const next = queue.next();
  return next && queue.take(next.flow);
}

/** The rest of the queue, in the order of its turns, as `namespace|action`. */
function drain(queue: FairQueue<Item>): string[] {
  const order: string[] = [];
  for (let next = takeNext(queue); next; next = takeNext(queue)) order.push(next.flow);
  return order;
}

const MEMORIES = [128, 256, 512];
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('push' as const),
      namespace: fc.constantFrom('a', 'b', 'c'),
      action: fc.constantFrom('x', 'y', 'z'),
      memoryMB: fc.constantFrom(...MEMORIES),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('take' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('pass' as const), flow: fc.constantFrom('a|x', 'b|y', 'c|z', 'a|z') }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('putBack' as const) }) },
);

describe('FairQueue', () => {
  it('lets namespaces take turns, then the actions of each', () => {
    const queue = new FairQueue<Item>();
    for (let i = 0; i < 4; i++) queue.push(item('neighbour', 'x'));
    for (let i = 0; i < 2; i++) queue.push(item('neighbour', 'y'));
    queue.push(item('victim', 'v'));
    queue.push(item('victim', 'v'));
    assert.deepEqual(drain(queue), [
      'neighbour|x',
      'victim|v',
      'neighbour|y',
      'victim|v',
      'neighbour|x',
      'neighbour|y',
      'neighbour|x',
      'neighbour|x',
    ]);
  });

  it('gives namespaces the same memory, not the same number of activations', () => {
    const queue = new FairQueue<Item>();
    for (let i = 0; i < 40; i++) queue.push(item('large', 'x', 512));
    for (let i = 0; i < 40; i++) queue.push(item('small', 'x', 128));
    const first = drain(queue).slice(0, 20);
    assert.equal(first.filter((flow) => flow === 'large|x').length, 4);
    assert.equal(first.filter((flow) => flow === 'small|x').length, 16);
  });

  it('is first come, first served for a single action, whatever its revisions need', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...MEMORIES), { maxLength: 50 }), (memories) => {
        const queue = new FairQueue<Item>();
        const items = memories.map((memoryMB) => item('a', 'x', memoryMB));
        for (const one of items) queue.push(one);
        for (const one of items) assert.equal(takeNext(queue), one);
      }),
    );
  });

  it('loses nothing, serves nothing twice, and keeps the order within each action', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
        const queue = new FairQueue<Item>();
        const waiting: Item[] = [];
        let last: Item | undefined;
        const taken = (one: Item | undefined): void => {
          if (!one) return;
          const first = waiting.find(({ flow }) => flow === one.flow);
          assert.equal(one, first, 'the first one of its action');
          waiting.splice(waiting.indexOf(one), 1);
          last = one;
        };
        for (const what of steps) {
          if (what.do === 'push') {
            const one = item(what.namespace, what.action, what.memoryMB);
            queue.push(one);
            waiting.push(one);
          } else if (what.do === 'take') {
            const next = queue.next();
            assert.equal(next === undefined, waiting.length === 0, 'where something waits something has its turn');
            assert.equal(queue.next(), next, 'to look changes nothing');
            taken(next && queue.take(next.flow));
          } else if (what.do === 'pass') {
            assert.equal(
              queue.firstOf(what.flow),
              waiting.find(({ flow }) => flow === what.flow),
            );
            taken(queue.take(what.flow));
          } else if (last) {
            queue.putBack(last);
            waiting.push(last);
            waiting.sort((a, b) => a.arrival - b.arrival);
            last = undefined;
          }
          assert.equal(queue.size, waiting.length);
        }
        const rest = waiting.length;
        assert.equal(drain(queue).length, rest);
        assert.equal(queue.size, 0);
      }),
    );
  });

  it('starves no flow: between two activations of a flow the others have at most two turns', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({ namespace: fc.constantFrom('a', 'b', 'c', 'd'), memoryMB: fc.constantFrom(...MEMORIES) }),
          {
            minLength: 100,
            maxLength: 300,
            size: 'max',
          },
        ),
        fc.constantFrom(...MEMORIES),
        (others, memoryMB) => {
          const queue = new FairQueue<Item>();
          for (const other of others) queue.push(item(other.namespace, 'x', other.memoryMB));
          for (let i = 0; i < 3; i++) queue.push(item('victim', 'v', memoryMB));
          const share = new Map<string, number>();
          for (let left = 3; left > 0;) {
            const next = takeNext(queue);
            assert.ok(next);
            if (next.namespace === 'victim') {
              left--;
              share.clear();
              continue;
            }
            const used = (share.get(next.namespace) ?? 0) + next.memoryMB;
            share.set(next.namespace, used);
            // One quantum, what was left of the last one, and what a quantum that grew meanwhile adds.
            assert.ok(used <= 3 * 512, `${next.namespace} had ${used} MB in one round`);
          }
        },
      ),
    );
  });

  it('makes an activation that overtook it wait, but not for ever', () => {
    const queue = new FairQueue<Item>();
    for (let i = 0; i < 30; i++) queue.push(item('a', 'x'));
    for (let i = 0; i < 30; i++) queue.push(item('b', 'x'));
    for (let i = 0; i < 10; i++) queue.take('b|x');
    const next = drain(queue).slice(0, 6);
    assert.deepEqual(next.filter((flow) => flow === 'b|x').length, 2);
  });

  it('brings forward the first of some activations of an action that is wanted', () => {
    const queue = new FairQueue<Item>();
    const [first, second, third] = [item('a', 'x'), item('a', 'x'), item('a', 'x')];
    for (const one of [first, second, third]) queue.push(one);
    assert.equal(
      queue.bringForward('a|x', 2, ({ n }) => n === third.n),
      false,
      'it is behind them',
    );
    assert.equal(
      queue.bringForward('a|x', 9, ({ n }) => n > first.n),
      true,
    );
    assert.equal(
      queue.bringForward('a|y', 9, () => true),
      false,
    );
    assert.deepEqual([takeNext(queue), takeNext(queue), takeNext(queue)], [second, first, third]);
    assert.equal(queue.size, 0);
  });

  it('charges no flow for a withdrawn activation', () => {
    const queue = new FairQueue<Item>();
    for (let i = 0; i < 30; i++) queue.push(item('a', 'x'));
    const [first, ...others] = Array.from({ length: 30 }, () => item('b', 'x'));
    assert.ok(first);
    for (const one of [first, ...others]) queue.push(one);
    assert.equal(queue.withdraw('b|x'), first);
    for (let i = 0; i < 9; i++) queue.withdraw('b|x');
    assert.equal(queue.size, 50);
    assert.deepEqual(drain(queue).slice(0, 6), ['a|x', 'b|x', 'a|x', 'b|x', 'a|x', 'b|x']);
    assert.equal(queue.withdraw('b|x'), undefined);
  });

  it('takes constant time for each step, however many wait', () => {
    // Steps are counted by the reads of a cost, which every step of a round needs.
    const reads = (namespaces: number, each: number): number => {
      let count = 0;
      const queue = new FairQueue<Item>();
      for (let i = 0; i < each; i++) {
        for (let n = 0; n < namespaces; n++) {
          const one = item(`n${n}`, 'x');
          queue.push({
            ...one,
            get memoryMB() {
              count++;
              return 256;
            },
          });
        }
      }
      count = 0;
      drain(queue);
      return count / (namespaces * each);
    };
    const few = reads(2, 10);
    assert.ok(reads(200, 50) <= 2 * few + 2, 'the work for an activation does not grow with the queue');
  });

  describe('gives a turn', () => {
    /** The order of activations with these costs, as `a`, `b`, ... by namespace, or by action of one namespace. */
    const order = (queue: FairQueue<Item>, ...items: readonly (readonly [string, number])[]): string => {
      for (const [name, memoryMB] of items) queue.push(item(name, 'x', memoryMB));
      return drain(queue)
        .map((flow) => flow[0])
        .join('');
    };
    const ofActions = (...items: readonly (readonly [string, number])[]): string => {
      const queue = new FairQueue<Item>();
      for (const [name, memoryMB] of items) queue.push(item('n', name, memoryMB));
      return drain(queue)
        .map((flow) => flow.at(-1))
        .join('');
    };
    const times = (count: number, name: string, memoryMB: number) =>
      Array.from({ length: count }, () => [name, memoryMB] as const);

    it('as many activations as a quantum pays for exactly', () => {
      const items = [...times(2, 'b', 256), ...times(4, 'a', 128)];
      assert.equal(order(new FairQueue(), ...items), 'baabaa');
      assert.equal(ofActions(...items), 'baabaa');
    });

    it('nothing more than its quantum to a flow that just came', () => {
      // 128 and 129 MB are one more than a quantum of 256 MB pays for.
      const items = [
        ['a', 128],
        ['a', 129],
        ['b', 256],
        ['b', 256],
      ] as const;
      assert.equal(order(new FairQueue(), ...items), 'abab');
      assert.equal(ofActions(...items), 'abab');
      const second = [
        ['b', 256],
        ['a', 128],
        ['a', 129],
        ['b', 256],
      ] as const;
      assert.equal(order(new FairQueue(), ...second), 'baba');
      assert.equal(ofActions(...second), 'baba');
    });

    it('to the next flow when the last activation of a flow is gone', () => {
      const items = [
        ['a', 256],
        ['b', 256],
        ['b', 256],
        ['c', 256],
        ['c', 256],
      ] as const;
      assert.equal(order(new FairQueue(), ...items), 'abcbc');
      assert.equal(ofActions(...items), 'abcbc');
    });

    it('of one activation if all need the least memory', () => {
      assert.equal(order(new FairQueue(), ...times(2, 'a', 1), ...times(2, 'b', 1)), 'abab');
    });

    it('by the largest activation that waits, and by the next ones once the queue was empty', () => {
      const queue = new FairQueue<Item>();
      assert.equal(order(queue, ...times(2, 'b', 512), ...times(4, 'a', 128)), 'baaaab');
      assert.equal(order(queue, ...times(2, 'a', 128), ...times(2, 'b', 128)), 'abab');
      assert.equal(order(queue, ...times(2, 'a', 1), ...times(2, 'b', 1)), 'abab');
    });

    it('by the largest one also after all but one were taken', () => {
      const queue = new FairQueue<Item>();
      queue.push(item('a', 'x', 512));
      queue.push(item('b', 'x', 128));
      queue.take('a|x');
      assert.equal(order(queue, ...times(7, 'b', 128), ...times(4, 'c', 128)), 'bbbbccccbbbb');
    });
  });
});
