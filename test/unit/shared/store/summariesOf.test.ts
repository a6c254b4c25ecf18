import assert from 'node:assert/strict';
import { StoreError } from '../../../../shared/store/ArtifactStore.js';
import { summariesOf } from '../../../../shared/store/summariesOf.js';

describe('summariesOf', () => {
  it('answers the objects that a view emits, in their order', () => {
    const rows = [
      { id: 'ns/b', key: ['ns', 2], value: { name: 'b' } },
      { id: 'ns/a', key: ['ns', 1], value: { name: 'a' } },
    ];
    assert.deepEqual(summariesOf(rows), [{ name: 'b' }, { name: 'a' }]);
  });

  it('names the document of a value that is not an object', () => {
    for (const value of [1, null, [], 'a']) {
      assert.throws(
        () => summariesOf([{ id: 'ns/a', key: null, value }]),
        (error) => {
          return error instanceof StoreError && error.message === 'the row of ns/a in the view is not a summary';
        },
      );
    }
  });
});
