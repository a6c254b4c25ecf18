import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { Queue } from '../../../../shared/process/Queue.js';

describe('Queue', () => {
  it('does as an array does, whatever is pushed and taken', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.nat(), fc.constant('take')), { maxLength: 500 }), (steps) => {
        const queue = new Queue<number>();
        const model: number[] = [];
        for (const step of steps) {
          if (typeof step === 'number') {
            queue.push(step);
            model.push(step);
          } else {
            assert.equal(queue.shift(), model.shift());
          }
          assert.equal(queue.size, model.length);
        }
        while (model.length > 0) assert.equal(queue.shift(), model.shift());
        assert.equal(queue.shift(), undefined);
      }),
    );
  });
});
