import assert from 'node:assert/strict';
import fc from 'fast-check';
import { MinTree } from '../../../../shared/colors/MinTree.js';

/** The statement of `MinTree.least`, by a search of the whole list. */
function searched(numbers: readonly number[], start: number): number | undefined {
  const least = Math.min(...numbers);
  const later = numbers.indexOf(least, start);
  if (numbers.length === 0) return undefined;
  return later < 0 ? numbers.indexOf(least) : later;
}

describe('the smallest number of a list', () => {
  it('is found as in the example', () => {
    const tree = new MinTree([4, 2, 7, 2]);
    assert.equal(tree.least(2), 3);
    assert.equal(tree.least(0), 1);
    tree.set(3, 5);
    assert.equal(tree.least(2), 1, 'and from the beginning, if no equal one follows');
  });

  it('does not exist in an empty list', () => {
    assert.equal(new MinTree([]).least(0), undefined);
  });

  it('is that of a search of the whole list, after any changes (property)', () => {
    const numbers = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 40 });
    const changes = fc.array(fc.tuple(fc.nat(), fc.integer({ min: -1, max: 4 }), fc.nat()), { maxLength: 40 });
    fc.assert(
      fc.property(numbers, changes, (list, steps) => {
        const tree = new MinTree(list);
        const count = list.length;
        for (const [index, value, start] of steps) {
          list[index % count] = value;
          tree.set(index % count, value);
          assert.equal(tree.least(start % count), searched(list, start % count));
        }
      }),
    );
  });
});
