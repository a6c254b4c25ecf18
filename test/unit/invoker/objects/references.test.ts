import assert from 'node:assert/strict';
import fc from 'fast-check';
import { asJson, cutAtReferences, MAX_REFERENCES } from '../../../../invoker/objects/references.js';
import type { Json } from '../../../../shared/entities/keyvalue.js';
import { addressOf, referenceTo } from '../../../../shared/objects/reference.js';

describe('references to objects in parameters', () => {
  it('are the places where the JSON text is cut', () => {
    const reference = referenceTo({ color: 'blue/1', key: 'results/a b' }, 70_000);
    assert.deepEqual(reference, { $object: 'blue%2F1/results%2Fa%20b', bytes: 70_000 });
    const cut = cutAtReferences({ a: [1, reference, 'x'], b: {}, c: { d: { $object: 'red/k' } } });
    assert.deepEqual(cut, {
      texts: ['{"a":[1,', ',"x"],"b":{},"c":{"d":', '}}'],
      addresses: [
        { color: 'blue/1', key: 'results/a b' },
        { color: 'red', key: 'k' },
      ],
    });
  });

  it('leave everything else as it is, in every JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 20 }), (any) => {
        const value = JSON.parse(JSON.stringify(any)) as Json;
        assert.equal(cutAtReferences(value), undefined);
        const cut = cutAtReferences({ before: value, object: { $object: 'c/k' }, after: [value] });
        assert.deepEqual(JSON.parse(cut?.texts.join('"the object"') ?? ''), {
          before: value,
          object: 'the object',
          after: [value],
        });
      }),
    );
  });

  it('are found up to a depth of 16, in objects and in arrays', () => {
    const nested = (levels: number, wrap: (inner: Json) => Json): Json => {
      let value: Json = { $object: 'c/k' };
      for (let n = 0; n < levels; n++) value = wrap(value);
      return value;
    };
    const wraps: readonly ((inner: Json) => Json)[] = [(inner) => [inner], (inner) => ({ a: inner })];
    for (const wrap of wraps) {
      for (const levels of [0, 1, 16]) assert.equal(cutAtReferences(nested(levels, wrap))?.addresses.length, 1);
      assert.equal(cutAtReferences(nested(17, wrap)), undefined);
      // What is deeper is written as it is.
      const cut = cutAtReferences([{ $object: 'c/k' }, nested(20, wrap)]);
      assert.deepEqual(cut?.texts, ['[', `,${JSON.stringify(nested(20, wrap))}]`]);
    }
  });

  it('are not values of another form, nor hidden in texts', () => {
    for (const value of ['{"$object":"c/k"}', { $object: 5 }, { object: 'c/k' }, [], null]) {
      assert.equal(cutAtReferences(value), undefined);
    }
  });

  it('are refused with an invalid address, and beyond a number', () => {
    assert.throws(() => addressOf({ $object: 'c/%zz' }), /percent/);
    assert.equal(addressOf({ $object: 'color-alone' }), undefined);
    const many = Array.from({ length: MAX_REFERENCES + 1 }, () => ({ $object: 'c/k' }));
    assert.equal(cutAtReferences(many.slice(1))?.addresses.length, MAX_REFERENCES);
    assert.throws(() => cutAtReferences(many), /at most 1000 references/);
  });

  it('become JSON by the content type of their objects', () => {
    assert.equal(asJson(Buffer.from('{"a":1}'), 'application/json; charset=utf-8').toString(), '{"a":1}');
    assert.equal(asJson(Buffer.from('[1]'), 'application/ld+json').toString(), '[1]');
    assert.equal(asJson(Buffer.from('say "hi"'), 'text/plain').toString(), '"say \\"hi\\""');
    assert.equal(asJson(Buffer.from([0, 255]), 'application/octet-stream').toString(), '"AP8="');
  });
});
