import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ColorTable, NONE } from '../../../../shared/colors/ColorTable.js';

describe('the table of colors', () => {
  it('behaves as a map that forgets the least recently used entry, and knows the live ones', () => {
    const operation = fc.tuple(
      fc.constantFrom('touch', 'set', 'expire'),
      // Keys that collide in the hash table, and some beyond 32 bits.
      fc.oneof(
        fc.nat(20),
        fc.nat(5).map((i) => i * 0x100000000 + 3),
      ),
      fc.nat(60_000),
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.array(operation, { maxLength: 100 }), (limit, operations) => {
        const table = new ColorTable(limit);
        const model = new Map<number, { invoker: number; seenAt: number }>();
        let now = 0;
        let since = -Infinity;
        for (const [name, color, invoker] of operations) {
          now++;
          const entry = table.find(color);
          const known = model.get(color);
          assert.equal(entry === NONE ? undefined : table.invokerOf(entry), known?.invoker);
          if (known) assert.equal(table.isLive(entry), known.seenAt >= since);
          if (name === 'touch' && known) {
            table.touch(entry, now);
            model.delete(color);
            model.set(color, { ...known, seenAt: now });
          } else if (name === 'set') {
            const [oldest] = model;
            const forgets = !known && model.size === limit && oldest;
            const forgotten: number[] = [];
            table.set(color, invoker, now, (one) => forgotten.push(table.invokerOf(one)));
            assert.deepEqual(forgotten, forgets ? [forgets[1].invoker] : []);
            if (forgets) model.delete(forgets[0]);
            model.delete(color);
            model.set(color, { invoker, seenAt: now });
          } else if (name === 'expire') {
            const before = since;
            since = now - (invoker % 10);
            if (since < before) since = before;
            const expired: number[] = [];
            table.expire(since, (one) => expired.push(table.invokerOf(one)));
            const expected = [...model.values()].filter(({ seenAt }) => seenAt >= before && seenAt < since);
            assert.deepEqual(
              expired,
              expected.map((one) => one.invoker),
            );
          }
          assert.equal(table.size, model.size);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('grows to its limit', () => {
    const table = new ColorTable(5000);
    for (let color = 0; color < 10_000; color++) table.set(color * 7919, color % 100, 0, () => undefined);
    assert.equal(table.size, 5000);
    for (let color = 5000; color < 10_000; color++)
      assert.equal(table.invokerOf(table.find(color * 7919)), color % 100);
    assert.equal(table.find(0), NONE);
  });
});
