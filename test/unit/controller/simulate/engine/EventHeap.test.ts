import assert from 'node:assert/strict';
import { EventHeap } from '../../../../../controller/simulate/engine/EventHeap.js';
import { seeded } from '../../../../../controller/simulate/engine/random.js';

describe('the heap of events', () => {
  it('gives events in the order of their times, while more are added', () => {
    const random = seeded(3);
    const heap = new EventHeap();
    const times: number[] = [];
    let now = 0;
    for (let i = 0; i < 5000; i++) {
      times.push(now + random() * 100);
      heap.push(times.at(-1) ?? 0, i);
      if (i % 3 === 2) {
        assert.ok(heap.first >= now);
        now = heap.first;
        assert.equal(times[heap.pop()], now);
      }
    }
    while (heap.size > 0) {
      assert.ok(heap.first >= now);
      now = heap.first;
      assert.equal(times[heap.pop()], now);
    }
    assert.equal(heap.first, Infinity);
    assert.throws(() => heap.pop(), RangeError);
  });
});
