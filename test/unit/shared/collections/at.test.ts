import assert from 'node:assert/strict';
import { at, increase, numberAt } from '../../../../shared/collections/at.js';

describe('at', () => {
  it('answers the element at an index, also a false one or null', () => {
    assert.equal(at(['a', 'b'], 1), 'b');
    assert.equal(at([0], 0), 0);
    assert.equal(at(['a', null], 1), null);
  });

  it('names the index and the length of a list that does not have it', () => {
    const error = { name: 'RangeError', message: 'index 2 is out of the range of a list of 2' };
    assert.throws(() => at(['a', 'b'], 2), error);
    assert.throws(() => at([], -1), { name: 'RangeError', message: 'index -1 is out of the range of a list of 0' });
    assert.throws(() => at(['a'], 0.5), RangeError);
    assert.throws(() => at([undefined], 0), RangeError);
  });
});

describe('numberAt', () => {
  it('answers the number at an index', () => {
    assert.equal(numberAt(Float64Array.of(1.5, -2), 1), -2);
    assert.equal(numberAt(new Uint16Array(3), 2), 0);
    assert.equal(numberAt(Float64Array.of(NaN), 0), NaN);
  });

  it('names the index and the length of an array that does not have it', () => {
    const error = { name: 'RangeError', message: 'index 3 is out of the range of a list of 3' };
    assert.throws(() => numberAt(new Int32Array(3), 3), error);
    assert.throws(() => numberAt(new Uint8Array(1), NaN), RangeError);
  });
});

describe('increase', () => {
  it('adds one or the given number, and answers the sum', () => {
    const numbers = Int32Array.of(5, 7);
    assert.equal(increase(numbers, 1), 8);
    assert.equal(increase(numbers, 0, -2), 3);
    assert.deepEqual([...numbers], [3, 8]);
  });

  it('refuses an index that the array does not have', () => {
    assert.throws(() => increase(new Int32Array(1), 1), RangeError);
  });
});
