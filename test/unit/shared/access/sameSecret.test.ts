import assert from 'node:assert/strict';
import { comparerOf, sameSecret } from '../../../../shared/access/sameSecret.js';

describe('the comparison of secrets', () => {
  it('accepts equal texts only', () => {
    for (const compare of [(text: string) => sameSecret('secret', text), comparerOf('secret')]) {
      assert.ok(compare('secret'));
      for (const other of ['', 'secre', 'secrets', 'Secret', 'secret\0']) assert.ok(!compare(other), other);
    }
  });

  it('accepts an empty text for an empty secret', () => {
    assert.ok(comparerOf('')(''));
    assert.ok(!comparerOf('')('a'));
  });
});
