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
});
