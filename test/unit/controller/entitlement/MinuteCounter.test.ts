import assert from 'node:assert/strict';
import fc from 'fast-check';
import { MinuteCounter } from '../../../../controller/entitlement/MinuteCounter.js';
import { judgeRate } from '../../../../controller/entitlement/rates.js';

describe('MinuteCounter', () => {
  it('allows exactly the limit in each minute of the clock', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(300_000), { minLength: 1, maxLength: 300 }),
        fc.integer({ min: 1, max: 20 }),
        (times, limit) => {
          const counter = new MinuteCounter();
          const allowed = new Map<number, number>();
          const asked = new Map<number, number>();
          for (const now of times.toSorted((a, b) => a - b)) {
            const minute = Math.floor(now / 60_000);
            asked.set(minute, (asked.get(minute) ?? 0) + 1);
            if (judgeRate(counter.increment('ns', now), limit).ok) allowed.set(minute, (allowed.get(minute) ?? 0) + 1);
          }
          for (const [minute, count] of asked) assert.equal(allowed.get(minute) ?? 0, Math.min(count, limit));
        },
      ),
    );
  });

  it('counts namespaces apart', () => {
    const counter = new MinuteCounter();
    assert.equal(counter.increment('a', 1), 1);
    assert.equal(counter.increment('b', 2), 1);
    assert.equal(counter.increment('a', 59_999), 2);
    assert.equal(counter.increment('a', 60_000), 1);
  });
});
