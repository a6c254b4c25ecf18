import assert from 'node:assert/strict';
import { colorKey, pointOf } from '../../../../shared/colors/colorKey.js';
import { range } from './workload.js';

describe('the key of a color', () => {
  it('is an integer that JSON keeps, the same at all times', () => {
    assert.equal(colorKey('guest', 'blue'), colorKey('guest', 'blue'));
    for (const text of ['', 'blue', 'ü😀', 'x'.repeat(256)]) {
      const key = colorKey('guest', text);
      assert.ok(Number.isSafeInteger(key) && key >= 0);
      assert.equal(JSON.parse(JSON.stringify(key)), key);
    }
  });

  it('belongs to a namespace', () => {
    assert.notEqual(colorKey('a', 'blue'), colorKey('b', 'blue'));
    assert.notEqual(colorKey('ab', 'c'), colorKey('a', 'bc'));
    assert.notEqual(colorKey('', 'x'), colorKey('x', ''));
  });

  it('distinguishes 200,000 similar colors', () => {
    const keys = new Set(range(200_000).map((i) => colorKey('guest', `user-${i}`)));
    assert.equal(keys.size, 200_000);
  });

  it('falls evenly on the circle, for any seed', () => {
    for (const seed of [0, 1, 12345]) {
      const sixteenths = range(16).map(() => 0);
      for (let i = 0; i < 16_000; i++) {
        (sixteenths[pointOf(colorKey('guest', `${i}`), seed) >>> 28] as number)++;
      }
      // 1,000 each, with a deviation of 31.
      for (const count of sixteenths) assert.ok(Math.abs(count - 1000) < 150, `${count}`);
    }
  });
});
