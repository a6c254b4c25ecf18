import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { ViewKey } from '../../../../../shared/store/ArtifactStore.js';
import { encodeId, encodeViewKey } from '../../../../../shared/store/embedded/keys.js';

type Part = ViewKey;

const rank = (part: Part): number => {
  if (part === null) return 0;
  if (typeof part === 'number') return 1;
  return typeof part === 'string' ? 2 : 3;
};

/** The order of keys as the store documents it. */
function compare(a: Part, b: Part): number {
  if (rank(a) !== rank(b)) return rank(a) - rank(b);
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'string' && typeof b === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b));
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return 0;
  for (const [i, part] of a.entries()) {
    if (i >= b.length) return 1;
    const order = compare(part, b[i] ?? null);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 8 }),
  fc.array(fc.constantFrom('\0', '\u0001', '\u0002', 'a', 'ä', '😀'), { maxLength: 6 }).map((units) => units.join('')),
);
const part = fc.oneof(text, fc.integer(), fc.double({ noNaN: true }), fc.constant(null));
const key = fc.array(part, { maxLength: 4 });

describe('the encoded keys of views', () => {
  it('sort as the keys do', () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        const encoded = Buffer.compare(encodeViewKey(a), encodeViewKey(b));
        assert.equal(Math.sign(encoded), Math.sign(compare(a, b)), JSON.stringify([a, b]));
      }),
    );
  });

  it('keep the bytes 0 and 1 of a text apart from the end of the text', () => {
    const keys: ViewKey[] = [['a'], ['a', 1], ['a\0'], ['a\0', 1], ['a\u0001'], ['a\u0002'], ['aa']];
    const encoded = keys.map((one) => encodeViewKey(one));
    assert.deepEqual(
      encoded.toSorted((a, b) => Buffer.compare(a, b)),
      encoded,
    );
    assert.equal(new Set(encoded.map(String)).size, keys.length);
  });

  it('sort null and negative numbers first', () => {
    const keys: ViewKey[] = [[null], [-Infinity], [-2], [-1.5], [0], [1e-9], [3], ['']];
    const encoded = keys.map((one) => encodeViewKey(one));
    assert.deepEqual(
      encoded.toSorted((a, b) => Buffer.compare(a, b)),
      encoded,
    );
    assert.deepEqual(encodeViewKey([-0]), encodeViewKey([0]));
  });

  it('have a bounded length, and differ if only the tails of long keys do', () => {
    const [a, b] = ['x', 'y'].map((end) => encodeViewKey(['n'.repeat(5000) + end]));
    assert.ok(a && b && a.length <= 1000 && b.length <= 1000);
    assert.notDeepEqual(a, b);
    const [c, d] = ['x', 'y'].map((end) => encodeId('n'.repeat(5000) + end));
    assert.ok(c && d && c.length <= 900 && d.length <= 900);
    assert.notDeepEqual(c, d);
  });
});
