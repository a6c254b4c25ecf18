import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { indentedJson, prettyJson } from '../../../../controller/webactions/prettyJson.js';
import type { Json } from '../../../../shared/entities/keyvalue.js';

describe('prettyJson', () => {
  it('puts members of objects into lines and items of arrays into one', () => {
    assert.equal(
      prettyJson({ b: [1, { c: 'x' }], a: { d: null } }),
      '{\n  "a": {\n    "d": null\n  },\n  "b": [1, {\n    "c": "x"\n  }]\n}',
    );
    assert.equal(prettyJson({}), '{\n\n}');
    assert.equal(prettyJson([]), '[]');
    assert.equal(prettyJson('a"b'), '"a\\"b"');
  });

  it('is JSON of the same value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        assert.deepEqual(JSON.parse(prettyJson(value as Json)), JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('leaves the layout out if it would be many times the value', () => {
    const items: Json = Array.from({ length: 100_000 }, () => ({ a: 0 }));
    let deep: Json = items;
    for (let depth = 0; depth < 500; depth++) deep = { a: deep };
    assert.equal(prettyJson(deep), JSON.stringify(deep));
    assert.equal(indentedJson(deep), JSON.stringify(deep));
    assert.equal(indentedJson(items.slice(0, 2)), JSON.stringify(items.slice(0, 2), undefined, 2));
  });
});
