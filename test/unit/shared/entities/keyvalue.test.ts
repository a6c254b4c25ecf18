import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import * as z from 'zod';
import { isJson, isObject, jsonSchema, keyValueSchema, parseJson } from '../../../../shared/entities/keyvalue.js';

class Point {
  readonly x = 1;
}

const VALUES = [null, true, false, 0, -1.5, '', 'text', [], [1, [null]], {}, { a: { b: [] } }, Object.create(null)];
const OTHERS: readonly unknown[] = [
  undefined,
  NaN,
  1n,
  Symbol('s'),
  () => 1,
  new Date(0),
  new Map(),
  new Set(),
  Buffer.of(1),
  new Point(),
];

describe('JSON values', () => {
  it('are null, booleans, numbers, texts, arrays and plain objects', () => {
    for (const value of VALUES) {
      assert.ok(isJson(value));
      assert.equal(jsonSchema.parse(value), value);
    }
  });

  it('exclude values that JSON cannot write: undefined, NaN, functions, instances of classes', () => {
    for (const value of OTHERS) {
      assert.ok(!isJson(value), inspect(value));
      assert.equal(jsonSchema.safeParse(value).success, false, inspect(value));
    }
  });

  it('are whatever JSON.parse makes, also the number that is too large and the key __proto__', () => {
    for (const text of ['1e999', '{"__proto__": 1}', '[{}]', '"\\ud800"', 'null']) {
      assert.deepEqual(parseJson(text), JSON.parse(text));
    }
    assert.throws(() => parseJson('{'), SyntaxError);
  });

  it('are not walked through: a document of a megabyte costs no more than an empty one', () => {
    const read: PropertyKey[] = [];
    const large = new Proxy({ a: 1 }, { get: (_, key) => read.push(key), ownKeys: () => assert.fail('it was walked') });
    assert.ok(isJson(large));
    assert.deepEqual(read, []);
  });

  it('may be left out only if a schema says so', () => {
    const schema = z.object({ result: jsonSchema.optional() });
    assert.deepEqual(schema.parse({}), {});
    assert.equal(schema.safeParse({ result: new Date(0) }).success, false);
    assert.deepEqual(keyValueSchema.parse({ key: 'a', value: null }), { key: 'a', value: null });
    const { error } = keyValueSchema.safeParse({ key: 'a' });
    assert.equal(error?.issues[0]?.message, 'must be a JSON value');
  });
});

describe('isObject', () => {
  it('tells objects from arrays, null and all else', () => {
    assert.ok(isObject({}));
    for (const value of [[], null, undefined, 'text', 1, true]) assert.ok(!isObject(value));
  });
});
