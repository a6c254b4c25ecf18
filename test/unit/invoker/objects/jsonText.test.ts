import assert from 'node:assert/strict';
import fc from 'fast-check';
import { readJsonText } from '../../../../invoker/objects/jsonText.js';
import { MAX_DEPTH } from '../../../../shared/entities/nesting.js';
import { SLICE } from '../../../../shared/entities/turns.js';

const read = (text: string, ...names: string[]) => readJsonText(Buffer.from(text), new Set(names));

/** The value of a JSON text; undefined if it is invalid. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Texts of which many are nearly valid. */
const PIECES = ['{', '}', '[', ']', ',', ':', '"a"', '"', '\\', '\\"', '\\\\', '1', 'true', 'null', ' ', '\n'];
const nearly = fc.array(fc.constantFrom(...PIECES), { maxLength: 12 }).map((parts) => parts.join(''));
const cut = fc.tuple(fc.json(), fc.nat()).map(([text, n]) => text.slice(0, n % (text.length + 1)));
const texts = fc.oneof(nearly, fc.json(), cut, fc.string());

describe('a JSON text that is not parsed', () => {
  it('is known if it is valid', async () => {
    await fc.assert(
      fc.asyncProperty(texts, async (text) => {
        const value = parsed(text);
        if (value === undefined) return;
        const kind = Array.isArray(value) ? 'array' : value instanceof Object ? 'object' : 'other';
        const empty = value instanceof Object && Object.keys(value).length === 0;
        assert.deepEqual(await read(text), { kind, empty, fields: new Set() }, text);
      }),
      { numRuns: 2000 },
    );
  });

  it('changes nothing of a text around it: it is refused, or the whole is invalid, or has it as one value', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(texts, fc.constant('1},"other":{"b":2')), async (text) => {
        const around = parsed(`{"value":{"inner":${text}},"other":1}`);
        if (around === undefined || !(await read(text))) return;
        assert.deepEqual(around, { value: { inner: parsed(text) }, other: 1 }, text);
      }),
      { numRuns: 3000 },
    );
    for (const text of ['1},"other":{"b":2', '[1],"b":[2]', '{}}', '[}', '"a', '"a\\"', 'no', '', ' ', '{"a":"}']) {
      assert.equal(await read(text), undefined, text);
    }
  });

  it('tells the fields of the outermost object that it is asked for, however they are written', async () => {
    const text = '{"a":{"b":1,"error":2},"\\u0065rror":3,"list":[{"c":1}],"é":4, "d" : "error"}';
    assert.deepEqual((await read(text, 'a', 'b', 'c', 'd', 'é', 'error'))?.fields, new Set(['a', 'error', 'é', 'd']));
    assert.deepEqual((await read('{"x":"error"}', 'error'))?.fields, new Set());
    assert.deepEqual((await read('[{"a":1}]', 'a'))?.fields, new Set());
  });

  it('may have long strings with quotes and backslashes in any place', async () => {
    for (const length of [61, 62, 63, 64, 65, 66, 500]) {
      for (const inner of ['"', '\\', '\\"', '"\\', '\\\\"']) {
        const text = JSON.stringify({
          s: `${'x'.repeat(length)}${inner}`,
          t: `${'y'.repeat(length)}${inner}${'z'.repeat(70)}`,
        });
        assert.equal((await read(text))?.kind, 'object', text);
        assert.equal(await read(text.slice(0, -1)), undefined);
      }
    }
  });

  it('is refused if it is nested too deeply, or is not UTF-8', async () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
    assert.equal((await read(nested(MAX_DEPTH - 1)))?.kind, 'array');
    assert.equal(await read(nested(MAX_DEPTH)), undefined);
    assert.equal(await readJsonText(Buffer.from([0x22, 0xff, 0x22])), undefined);
  });

  it('gives other work its turn', async () => {
    let turns = 0;
    let going = true;
    const count = (): void => {
      turns++;
      if (going) setImmediate(count);
    };
    setImmediate(count);
    assert.ok(await read(`[${'1,'.repeat(3 * SLICE)}1]`));
    going = false;
    assert.ok(turns >= 4, `${turns} turns`);
  });
});
