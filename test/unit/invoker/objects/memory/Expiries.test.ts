import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { Expiries, EXPIRY_MS } from '../../../../../invoker/objects/memory/Expiries.js';

describe('Expiries', () => {
  it('returns each item once, never early, and at most one step late', () => {
    const step = fc.record({ add: fc.nat(2000), remove: fc.boolean(), pass: fc.oneof(fc.nat(30), fc.nat(3000)) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const expiries = new Expiries<number>();
        const waiting = new Map<number, number>();
        let now = 1000;
        for (const [item, { add, remove, pass }] of steps.entries()) {
          expiries.add(item, now + add);
          expiries.add(item, now + add);
          if (remove) expiries.remove(item, now + add);
          else waiting.set(item, now + add);
          expiries.remove(-1, now);
          now += pass;
          for (const due of expiries.due(now)) {
            assert.ok((waiting.get(due) ?? Infinity) <= now);
            waiting.delete(due);
          }
          for (const at of waiting.values()) assert.ok(now - at < EXPIRY_MS, `${at} is late at ${now}`);
          assert.equal(expiries.size, waiting.size);
        }
      }),
    );
  });

  it('returns the items of a step that follows one that is over', () => {
    const expiries = new Expiries<string>();
    for (const step of [1, 2, 3]) expiries.add(`step ${step}`, step * EXPIRY_MS);
    for (const step of [1, 2, 3]) assert.deepEqual(expiries.due(step * EXPIRY_MS), [`step ${step}`]);
  });

  it('returns items in the order of their steps, after a long time as well', () => {
    for (const stepMs of [EXPIRY_MS, 1e9 * EXPIRY_MS]) {
      const expiries = new Expiries<number>();
      for (const item of [3, 1, 5, 2, 4]) expiries.add(item, item * stepMs);
      // The item of the very last step is due, the one after it is not.
      assert.deepEqual(expiries.due(4 * stepMs), [1, 2, 3, 4]);
      assert.equal(expiries.size, 1);
      assert.deepEqual(expiries.due(5 * stepMs), [5]);
    }
  });
});
