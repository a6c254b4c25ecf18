import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { decodeBase64, looksLikeBase64 } from '../../../../controller/webactions/base64.js';

describe('base64', () => {
  it('decodes encoded bytes, with padding and without', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const text = Buffer.from(bytes).toString('base64');
        assert.deepEqual(decodeBase64(text), Buffer.from(bytes));
        assert.deepEqual(decodeBase64(text.replace(/=+$/, '')), Buffer.from(bytes));
      }),
    );
  });

  it('refuses everything else', () => {
    for (const text of ['a', 'ab=', 'abc==', 'ab c', 'abcd\n', 'ab-_', 'a===', 'ab=d', '<a/>', 'hello world']) {
      assert.equal(decodeBase64(text), undefined, JSON.stringify(text));
    }
  });

  it('recognizes possible base64 by shape and padding', () => {
    assert.ok(looksLikeBase64('eyJhIjoxfQ=='));
    assert.ok(looksLikeBase64(' null '));
    for (const text of ['', ' ', 'eyJhIjoxfQ', '{"a":1}', 'hello world']) assert.ok(!looksLikeBase64(text), text);
  });
});
