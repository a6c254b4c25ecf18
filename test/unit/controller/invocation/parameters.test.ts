import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  argumentsOf,
  asObject,
  immutableParameters,
  mergeParameters,
  withoutRepetitions,
} from '../../../../controller/invocation/parameters.js';
import type { Json, KeyValue } from '../../../../shared/entities/keyvalue.js';

const keys = fc.constantFrom('a', 'b', 'c', 'd', '__proto__', 'constructor');
const json = fc.jsonValue() as fc.Arbitrary<Json>;
const lists: fc.Arbitrary<KeyValue[]> = fc.array(fc.record({ key: keys, value: json }), { maxLength: 8 });

describe('merging parameters', () => {
  it('gives the upper list the last word', () => {
    fc.assert(
      fc.property(lists, lists, (lower, upper) => {
        const merged = asObject(mergeParameters(lower, upper));
        assert.deepEqual(merged, { ...asObject(lower), ...asObject(upper) });
      }),
    );
  });

  it('leaves one entry for each key', () => {
    fc.assert(
      fc.property(lists, lists, (lower, upper) => {
        const names = mergeParameters(lower, upper).map((entry) => entry.key);
        assert.equal(new Set(names).size, names.length);
        assert.deepEqual(new Set(names), new Set([...lower, ...upper].map((entry) => entry.key)));
      }),
    );
  });

  it('is associative, and has the empty list as its neutral element', () => {
    fc.assert(
      fc.property(lists, lists, lists, (a, b, c) => {
        const left = asObject(mergeParameters(mergeParameters(a, b), c));
        assert.deepEqual(left, asObject(mergeParameters(a, mergeParameters(b, c))));
        assert.deepEqual(mergeParameters([], a), withoutRepetitions(a));
        assert.deepEqual(mergeParameters(a, []), withoutRepetitions(a));
      }),
    );
  });

  it('changes neither list', () => {
    const lower = Object.freeze([Object.freeze({ key: 'a', value: 1 })]);
    const upper = Object.freeze([Object.freeze({ key: 'a', value: 2, init: true })]);
    assert.deepEqual(mergeParameters(lower, upper), [{ key: 'a', value: 2, init: true }]);
  });
});

describe('the arguments of an invocation', () => {
  it('are the payload over the parameters', () => {
    fc.assert(
      fc.property(lists, fc.dictionary(keys, json, { noNullPrototype: true }), (parameters, payload) => {
        assert.deepEqual(argumentsOf(parameters, payload), { ...asObject(parameters), ...payload });
      }),
    );
  });

  it('are an array if the payload is one, and the parameters if it is neither an object nor an array', () => {
    const parameters = [{ key: 'a', value: 1 }];
    assert.deepEqual(argumentsOf(parameters, [1, 2]), [1, 2]);
    for (const payload of [undefined, null, 'text', 7, true])
      assert.deepEqual(argumentsOf(parameters, payload), { a: 1 });
  });
});

describe('immutable parameters', () => {
  const parameters = [
    { key: 'set', value: 1 },
    { key: 'open', value: null },
  ];
  it('are those with a value on a final action', () => {
    assert.deepEqual(immutableParameters([{ key: 'final', value: true }], parameters), new Set(['set']));
  });
  it('are empty for all other actions', () => {
    assert.equal(immutableParameters([{ key: 'final', value: false }], parameters).size, 0);
    assert.equal(immutableParameters([], parameters).size, 0);
  });
});
