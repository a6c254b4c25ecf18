import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ColorTable } from '../../../../shared/colors/ColorTable.js';

describe('the table of colors', () => {
  it('behaves as a map that forgets what was used least lately', () => {
    const operation = fc.tuple(
      fc.constantFrom('get', 'peek', 'set'),
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
        const model = new Map<number, number>();
        for (const [name, color, invoker] of operations) {
          if (name === 'peek') {
            assert.equal(table.peek(color), model.get(color));
          } else if (name === 'get') {
            const known = model.get(color);
            assert.equal(table.get(color), known);
            if (known !== undefined) {
              model.delete(color);
              model.set(color, known);
            }
          } else {
            const [oldest] = model.keys();
            const forgets = !model.has(color) && model.size === limit;
            assert.equal(table.set(color, invoker), forgets ? model.get(oldest as number) : -1);
            if (forgets) model.delete(oldest as number);
            model.delete(color);
            model.set(color, invoker);
          }
          assert.equal(table.size, model.size);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('grows to its limit', () => {
    const table = new ColorTable(5000);
    for (let color = 0; color < 10_000; color++) table.set(color * 7919, color % 100);
    assert.equal(table.size, 5000);
    for (let color = 5000; color < 10_000; color++) assert.equal(table.peek(color * 7919), color % 100);
    assert.equal(table.peek(0), undefined);
  });
});
