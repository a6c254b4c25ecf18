import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Queue } from '../../../../invoker/pool/Queue.js';

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
        const array: number[] = [];
        for (const [i, what] of steps.entries()) {
          if (what === 'shift') assert.equal(queue.shift(), array.shift());
          else if (what === 'push') {
            queue.push(i);
            array.push(i);
          } else {
            queue.pushFront(i);
            array.unshift(i);
          }
          assert.equal(queue.size, array.length);
        }
      }),
    );
  });
});
