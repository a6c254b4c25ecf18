import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { assignId, assignInvokerId, type InvokerIds } from '../../../../shared/invokers/invokerIds.js';
import type { Stores } from '../../../../shared/store/ArtifactStore.js';
import { openTemporaryStores } from '../../../../shared/store/embedded/open.js';

describe('invoker ids', () => {
  it('are the same for a name for ever, and different for different names, without gaps', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (names) => {
        let ids: InvokerIds = {};
        const given = new Map<string, number>();
        for (const name of names) {
          const assigned = assignId(ids, name);
          if (given.has(name)) assert.equal(assigned.id, given.get(name));
          given.set(name, assigned.id);
          ids = assigned.ids;
        }
        assert.deepEqual(
          [...given.values()].toSorted((a, b) => a - b),
          [...given.keys()].map((_, i) => i),
        );
      }),
    );
  });

  it('can be taken from another name', () => {
    const { ids, id } = assignId({ a: 0, b: 1 }, 'c', 1);
    assert.equal(id, 1);
    assert.deepEqual(ids, { a: 0, c: 1 });
    assert.deepEqual(assignId(ids, 'a', 1).ids, { a: 1 });
    assert.equal(assignId({ a: 1 }, 'b').id, 0);
    assert.throws(() => assignId({ a: 0 }, 'b', 2), /only 1 invokers/);
  });

  describe('in a store', () => {
    let stores: Stores;
    beforeEach(async () => {
      stores = await openTemporaryStores();
    });
    afterEach(() => stores.close());

    it('are unique when many start at once, and found again', async () => {
      const names = Array.from({ length: 12 }, (_, i) => `invoker-${i}`);
      const ids = await Promise.all(names.map((name) => assignInvokerId(stores.whisks, name)));
      assert.equal(new Set(ids).size, names.length);
      assert.deepEqual(await Promise.all(names.map((name) => assignInvokerId(stores.whisks, name))), ids);
    });

    it('are in no view', async () => {
      await assignInvokerId(stores.whisks, 'a');
      const everything = { startKey: [''], endKey: ['\ufff0', '\ufff0', '\ufff0'] };
      for (const view of ['actions', 'packages', 'rules', 'triggers'] as const) {
        assert.equal(await stores.whisks.count(`whisks.v2.1.0/${view}`, everything), 0);
      }
    });
  });
});
