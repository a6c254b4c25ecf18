import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { Queue } from '../../../../shared/process/Queue.js';

describe('Queue', () => {
  it('does what an array does', () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.constant('push' as const) },
      { weight: 3, arbitrary: fc.constant('shift' as const) },
      { weight: 1, arbitrary: fc.constant('pushFront' as const) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 1000, size: 'max' }), (steps) => {
        const queue = new Queue<number>();
        const model: number[] = [];
        for (const [i, what] of steps.entries()) {
          if (what === 'shift') assert.equal(queue.shift(), model.shift());
          else if (what === 'push') {
            queue.push(i);
            model.push(i);
          } else {
            queue.pushFront(i);
            model.unshift(i);
          }
          assert.equal(queue.size, model.length);
          assert.equal(queue.peek(), model[0]);
        }
        while (model.length > 0) assert.equal(queue.shift(), model.shift());
        assert.equal(queue.shift(), undefined);
      }),
    );
  });

  it('brings an item at any position to the front, wherever its ring begins', () => {
    fc.assert(
      fc.property(fc.nat(10), fc.nat(12), fc.nat(14), (turns, size, index) => {
        const queue = new Queue<number>();
        for (let i = 0; i < turns; i++) {
          queue.push(-1);
          queue.shift();
        }
        const model = Array.from({ length: size }, (_, i) => i);
        for (const item of model) queue.push(item);
        assert.equal(queue.at(index), model[index]);
        queue.bringForward(index);
        model.unshift(...model.splice(index, 1));
        assert.deepEqual(
          model.map(() => queue.shift()),
          model,
        );
      }),
    );
  });

  it('inserts an item after those that come before it, and before all others', () => {
    for (const [item, expected] of [
      [0, [0, 1, 3, 5]],
      [2, [1, 2, 3, 5]],
      [6, [1, 3, 5, 6]],
    ] as const) {
      const queue = new Queue<number>();
      for (const each of [1, 3, 5]) queue.push(each);
      queue.insert(item, (other) => other < item);
      assert.deepEqual(
        expected.map(() => queue.shift()),
        expected,
      );
      assert.equal(queue.size, 0);
    }
  });
});
