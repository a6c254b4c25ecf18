import assert from 'node:assert/strict';
import fc from 'fast-check';
import { mergeLists } from '../../../../../invoker/objects/sharing/lists.js';
import type { ObjectList } from '../../../../../shared/objects/ObjectRequest.js';

const listed = (key: string, etag = '"1"') =>
  ({ key, bytes: 1, contentType: 'text/plain', etag, persistence: 'memory' }) as const;

const LETTERS = 'abcdefghijklm'.split('');

describe('merged lists of objects', () => {
  it('have the first objects of all lists together, each once, and lead to the others page by page', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uniqueArray(fc.constantFrom(...LETTERS)), { maxLength: 4 }),
        fc.integer({ min: 1, max: 5 }),
        (places, limit) => {
          const expected = [...new Set(places.flat())].toSorted();
          const seen: string[] = [];
          for (let more = true; more;) {
            const after = seen.at(-1);
            const lists = places.map((keys): ObjectList => {
              const rest = keys.toSorted().filter((key) => after === undefined || key > after);
              return { objects: rest.slice(0, limit).map((key) => listed(key)), more: rest.length > limit };
            });
            const merged = mergeLists(lists, limit);
            assert.ok(merged.objects.length <= limit);
            seen.push(...merged.objects.map(({ key }) => key));
            ({ more } = merged);
          }
          assert.deepEqual(seen, expected);
        },
      ),
    );
  });

  const list = (keys: string, more: boolean): ObjectList => ({ objects: Array.from(keys, (key) => listed(key)), more });
  const merged = (limit: number, ...lists: ObjectList[]): string => {
    const { objects, more } = mergeLists(lists, limit);
    return objects.map(({ key }) => key).join('') + (more ? '…' : '');
  };

  it('end where the first list ends that has more, even if it is short: the others may lack the keys in between', () => {
    assert.equal(merged(5, list('ab', true), list('c', false)), 'ab…');
    assert.equal(merged(5, list('ab', true), list('acd', true)), 'ab…');
    assert.equal(merged(5, list('acd', true), list('ab', true)), 'ab…');
    assert.equal(merged(5, list('b', false), list('ac', true)), 'abc…');
  });

  it('have more only if there is another object, or a list has more', () => {
    assert.equal(merged(2, list('b', false), list('a', false)), 'ab');
    assert.equal(merged(2, list('bc', false), list('a', false)), 'ab…');
    assert.equal(merged(2, list('\u{1F600}', false), list('\uFF5E', false)), '\u{1F600}\uFF5E');
  });

  it('prefer the object of the first list', () => {
    const [first, second] = [listed('k', '"1"'), listed('k', '"2"')];
    const lists = [first, second].map((object) => ({ objects: [object], more: false }));
    assert.deepEqual(mergeLists(lists, 5).objects, [first]);
  });
});
