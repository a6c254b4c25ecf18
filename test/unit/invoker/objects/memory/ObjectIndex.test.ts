import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { listed } from '../../../../../invoker/objects/memory/ObjectIndex.js';
import { ObjectBytes } from '../../../../../invoker/objects/memory/ObjectBytes.js';
import type { StoredObject } from '../../../../../invoker/objects/memory/StoredObject.js';

const object = (expiresAt?: number): StoredObject => ({
  bytes: ObjectBytes.EMPTY,
  contentType: 'text/plain',
  etag: '"1"',
  persistence: 'memory',
  expiresAt,
});

describe('the list of a color', () => {
  it('has the first keys with the prefix after a key, in their order, and says whether there are more', () => {
    const key = fc.string({ unit: fc.constantFrom('a', 'b', 'ä', '\u{1F600}', '\uFFFD'), maxLength: 4 });
    const asked = fc.record({
      prefix: fc.constantFrom('', 'a', 'ab'),
      after: fc.option(key, { nil: undefined }),
      limit: fc.integer({ min: 1, max: 12 }),
    });
    fc.assert(
      fc.property(fc.uniqueArray(key, { maxLength: 60 }), fc.func(fc.boolean()), asked, (keys, isOver, page) => {
        const entries = new Map(keys.map((name) => [name, { object: object(isOver(name) ? 5 : undefined) }]));
        const all = keys
          .filter((name) => name.startsWith(page.prefix) && !isOver(name))
          .filter((name) => page.after === undefined || name > page.after)
          .toSorted();
        const list = listed(entries, page, 5);
        assert.deepEqual(
          list.objects.map((one) => one.key),
          all.slice(0, page.limit),
        );
        assert.equal(list.more, all.length > page.limit);
      }),
      { numRuns: 2000 },
    );
  });
});
