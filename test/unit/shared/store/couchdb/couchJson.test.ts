import assert from 'node:assert/strict';
import fc from 'fast-check';
import { couchJson } from '../../../../../shared/store/couchdb/couchJson.js';

describe('JSON for CouchDB', () => {
  it('has U+FFFD for half a character, and the rest as it is', () => {
    assert.equal(couchJson({ a: 'x\ud83dy', '\udc00': [1, null] }), '{"a":"x\ufffdy","\ufffd":[1,null]}');
    assert.equal(couchJson('\ud800\ud800😀'), '"\ufffd\ufffd😀"');
  });

  it('treats the text of an escape as a text', () => {
    for (const text of ['\\ud800', '\\\\ud800', '\\', '\\udefine']) assert.equal(JSON.parse(couchJson(text)), text);
    assert.equal(JSON.parse(couchJson('\\\ud800')), '\\\ufffd');
  });

  it('is the size of the value with its strings in UTF-8', () => {
    const piece = fc.constantFrom('\\', 'ud800', 'u', 'd', '"', '\ud800', '\udfff', '😀', '\n', 'a');
    const odd = fc.array(piece).map((pieces) => pieces.join(''));
    fc.assert(
      fc.property(odd, (text) => {
        const whole = Buffer.from(text).toString();
        assert.deepEqual(JSON.parse(couchJson({ [`k${text}`]: text })), { [`k${whole}`]: whole });
      }),
    );
  });
});
