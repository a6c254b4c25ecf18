import assert from 'node:assert/strict';
import { quoted, readBoolean, readStrings, readVersion } from '../../../../controller/http/fields.js';

const MALFORMED = { status: 400, message: /^The request content was malformed:\n/ };

describe('fields', () => {
  it('read a version with one to three parts', () => {
    assert.equal(readVersion('1'), '1.0.0');
    assert.equal(readVersion('1.2.'), '1.2.0');
    for (const value of ['', '0.0.0', 'x', '1.x', 1]) assert.throws(() => readVersion(value), MALFORMED);
  });

  it('refuse a long version without a search through all of it', () => {
    // A search for trailing dots takes a time that grows with the square of the length: minutes for this one.
    assert.throws(() => readVersion(`${'.'.repeat(2_000_000)}x`), MALFORMED);
  });

  it('quote at most a bounded part of a value in errors', () => {
    assert.equal(quoted({ a: ['x', 1] }), '{"a":["x",1]}');
    const long = 'x'.repeat(5_000_000);
    for (const value of [long, { a: long }, Array.from({ length: 100_000 }, () => 1)]) {
      assert.ok(quoted(value).length < 1100);
      assert.throws(
        () => readBoolean(value),
        (error: Error) => error.message.length < 1200,
      );
      assert.throws(() => readStrings([7, value]), MALFORMED);
    }
  });
});
