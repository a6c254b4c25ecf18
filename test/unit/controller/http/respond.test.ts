import assert from 'node:assert/strict';
import fc from 'fast-check';
import { CodeBytes, jsonPieces } from '../../../../controller/http/respond.js';

describe('jsonPieces', () => {
  it('together are the JSON of the value', () => {
    const long = fc.constantFrom('x'.repeat(600_000), '😀'.repeat(262_145), `"\n${'é'.repeat(300_000)}\ud800`);
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 3 },
        fc.jsonValue(),
        long,
        fc.constant(undefined),
        fc.dictionary(fc.string(), tie('tree'), { maxKeys: 3 }),
      ),
    }));
    fc.assert(
      fc.property(fc.record({ a: tree, b: tree }), (value) => {
        assert.deepEqual(JSON.parse([...jsonPieces(value)].join('')), JSON.parse(JSON.stringify(value)));
      }),
      { numRuns: 50 },
    );
  });

  it('write code from its bytes as they write it from its text', () => {
    const text = 'é😀"\n'.repeat(100_000);
    const zip = Buffer.from(Array.from({ length: 400_001 }, (_, i) => i % 256));
    const written = (value: unknown) =>
      Buffer.concat([...jsonPieces(value)].map((piece) => Buffer.from(piece))).toString();
    const value = { a: 1, code: new CodeBytes(Buffer.from(text), false), zip: new CodeBytes(zip, true), b: {} };
    assert.equal(written(value), JSON.stringify({ a: 1, code: text, zip: zip.toString('base64'), b: {} }));
  });

  it('are short', () => {
    const pieces = [...jsonPieces({ exec: { code: 'x'.repeat(3_000_000) } })];
    assert.ok(Math.max(...pieces.map((piece) => piece.length)) <= 262_144);
  });
});
