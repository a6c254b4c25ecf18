import assert from 'node:assert/strict';
import { comparerOf, sameSecret } from '../../../../shared/access/sameSecret.js';

describe('the comparison of secrets', () => {
  it('accepts equal texts only', () => {
    for (const compare of [(text: string) => sameSecret('secret', text), comparerOf('secret')]) {
      assert.ok(compare('secret'));
      for (const other of ['', 'secre', 'secrets', 'Secret', 'secret\0']) assert.ok(!compare(other), other);
    }
  });

  it('takes no character for another one that looks like it in fewer bits', () => {
    for (const other of ['secre\u0174', 'secr\u00e9t', '\u0173ecret', 'secre\ud83d'])
      assert.ok(!comparerOf('secret')(other), other);
    assert.ok(comparerOf('s\u00e9cret')('s\u00e9cret'));
    assert.ok(!comparerOf('s\u00e9cret')('secret'));
  });

  it('accepts an empty text for an empty secret', () => {
    assert.ok(comparerOf('')(''));
    assert.ok(!comparerOf('')('a'));
  });
});
