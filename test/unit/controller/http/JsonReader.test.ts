import assert from 'node:assert/strict';
import fc from 'fast-check';
import { explainJsonError } from '../../../../controller/http/jsonSyntax.js';
import { JsonError } from '../../../../controller/http/JsonError.js';
import { JsonReader, TooManyValuesError } from '../../../../controller/http/JsonReader.js';
import type { Json } from '../../../../shared/entities/keyvalue.js';

/** Reads a text in pieces of these sizes, over and over. */
function read(bytes: Uint8Array, sizes: readonly number[] = [bytes.length], maxValues = 1e6): Json {
  const reader = new JsonReader(maxValues);
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = Math.max(1, sizes[i % sizes.length] ?? 1);
    reader.write(bytes.subarray(at, at + size));
    at += size;
  }
  return reader.end();
}
const readText = (text: string, sizes?: readonly number[]): Json => read(Buffer.from(text), sizes);

/** A JSON text whose strings can be written in UTF-8. */
const toWellFormed = (text: string): string =>
  Buffer.from(text)
    .toString()
    .replaceAll(/(?<!\\)((?:\\\\)*)\\ud[89a-f][0-9a-f]{2}/g, '$1\ufffd');

describe('JsonReader', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });

  it('gives what JSON.parse gives, however the text is cut', () => {
    const strings = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('__proto__', '\ud800', '\u2028"\\/\b'));
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        strings,
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.constantFrom(true, false, null, '😀'.repeat(300)),
        fc.array(tie('tree'), { maxLength: 4 }),
        fc.dictionary(strings, tie('tree'), { maxKeys: 4 }),
      ),
    }));
    fc.assert(
      fc.property(tree, sizes, fc.constantFrom(undefined, 1, '\t\r\n'), (value, cut, indent) => {
        const text = JSON.stringify(value, undefined, indent);
        assert.deepEqual(readText(text, cut), JSON.parse(toWellFormed(text)));
      }),
      { numRuns: 200 },
    );
  });

  it('refuses what JSON.parse refuses, and takes what it takes', () => {
    const noise = fc.constantFrom(
      '',
      '"',
      '\\',
      '\\u12',
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '-',
      '0',
      '.',
      'e',
      'tru',
      '\n',
      '\0',
    );
    fc.assert(
      fc.property(fc.json(), fc.nat(), noise, sizes, (json, where, added, cut) => {
        const at = where % (json.length + 1);
        const text = json.slice(0, at) + added + json.slice(at + (where % 2));
        let expected: Json | undefined;
        try {
          expected = JSON.parse(text) as Json;
        } catch {
          assert.throws(() => readText(text, cut), JsonError);
          return;
        }
        const actual = JSON.stringify(readText(text, cut));
        assert.deepEqual(JSON.parse(actual), JSON.parse(toWellFormed(JSON.stringify(expected))));
      }),
      { numRuns: 2000 },
    );
  });

  it('names the place of a mistake as for small texts, without the line', () => {
    for (const text of ['{a:1}', '[1 2]', '{}}', '{"a":', '"\\x"', '{"a"', '["a', '{"a":1,}', '\n\n  x', '1.', '']) {
      const [explained = ''] = explainJsonError(text).split('\n');
      assert.throws(() => readText(text, [1]), { message: `${explained}\n` }, text);
    }
  });

  it('joins the halves of a character, and replaces those that stand alone', () => {
    const text = String.raw`"\ud83d\ude00\ud83dx\ude00\ud83d\ud83d\ude00\u00e9\u20ac\ud83d"`;
    assert.equal(readText(text, [1]), '😀\ufffdx\ufffd\ufffd😀é€\ufffd');
  });

  it('replaces bytes that are not UTF-8, and leaves out a byte order mark', () => {
    assert.equal(read(Buffer.from([0x22, 0xff, 0x61, 0xe2, 0x82, 0x22])), '\ufffda\ufffd');
    assert.deepEqual(read(Buffer.from('\ufeff[1]')), [1]);
  });

  it('counts values before it builds more of them than allowed', () => {
    assert.deepEqual(read(Buffer.from('[1,{"a":2}]'), [1], 4), [1, { a: 2 }]);
    assert.throws(() => read(Buffer.from('[1,{"a":2},3]'), [1], 4), TooManyValuesError);
  });

  it('nests as deep as small texts, and bounds numbers', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
    assert.doesNotThrow(() => readText(nested(999)));
    assert.throws(() => readText(nested(1000)), /nested too deeply/);
    assert.throws(() => readText('1'.repeat(10_000), [100]), /Number too long/);
  });

  it('stops if bytes that are not UTF-8 would become a text of many times their length', () => {
    const reader = new JsonReader(10);
    const bytes = Buffer.alloc(1024 * 1024, 0xff);
    reader.write(Buffer.from('"'));
    assert.throws(() => {
      for (let i = 0; i < 20; i++) reader.write(bytes);
    }, /Text too long/);
  });

  it('keeps a text of escapes and short runs in few pieces', () => {
    const text = JSON.stringify('é\n\u0001x'.repeat(50_000));
    assert.equal(readText(text, [1000]), JSON.parse(text));
  });
});
