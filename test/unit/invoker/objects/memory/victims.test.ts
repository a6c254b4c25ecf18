import assert from 'node:assert/strict';
import { victims, type Evictable, type Owner } from '../../../../../invoker/objects/memory/victims.js';

interface Item extends Evictable {
  readonly name: string;
}

/** An owner of objects of 20 bytes, used at these times. */
const owner = (name: string, ...times: number[]): Owner<Item> => ({
  usedBytes: 20 * times.length,
  keptBytes: 0,
  recency: times.map((usedAt) => ({ name: `${name}${usedAt}`, cost: 20, usedAt, holds: 0 })),
});
const names = (chosen: readonly Item[] | undefined): string[] | undefined => chosen?.map(({ name }) => name);

describe('the victims of an eviction', () => {
  it('are the least recently used objects of namespaces beyond their share, in a tie of the first namespace', () => {
    const [a, b] = [owner('a', 1, 4, 5, 6), owner('b', 2, 3, 7, 8)];
    assert.deepEqual(names(victims([a, b], 100, undefined, 30, 0)), ['a1', 'b2']);
    assert.deepEqual(names(victims([owner('a', 1, 2), owner('b', 1, 2)], 40, undefined, 20, 0)), ['a1']);
    assert.deepEqual(names(victims([owner('b', 1, 2), owner('a', 1, 2)], 40, undefined, 20, 0)), ['b1']);
  });

  it('leave a namespace its share, to the byte', () => {
    // The share is 60.
    const [a, b] = [owner('a', 1, 2, 3, 4), owner('b', 5)];
    assert.deepEqual(names(victims([a, b], 120, undefined, 20, 0)), ['a1']);
    assert.equal(victims([a, b], 120, undefined, 21, 0), undefined);
    // All is the share of one.
    assert.equal(victims([owner('a', 1, 2, 3, 4)], 100, undefined, 1, 0), undefined);
    assert.deepEqual(names(victims([owner('a', 1, 2, 3, 4)], 79, undefined, 1, 0)), ['a1']);
  });

  it('count a namespace that requests its first object among those that share', () => {
    const [a, first] = [owner('a', 1, 2, 3), owner('b')];
    // With it the share is 60 of 120, and 50 of 100.
    assert.equal(victims([a], 120, first, 10, 10), undefined);
    assert.deepEqual(names(victims([a], 100, first, 10, 10)), ['a1']);
    assert.deepEqual(names(victims([a, first], 100, first, 10, 10)), ['a1']);
  });

  it('are those of the requester itself if its request exceeds its share', () => {
    const [a, b] = [owner('a', 1, 2, 3), owner('b', 4, 5, 6)];
    assert.deepEqual(names(victims([a, b], 120, b, 10, 10)), ['b4']);
    assert.equal(victims([a, b], 120, b, 30, 10), undefined);
  });

  it('leave each namespace its share of what others do not keep', () => {
    const keeping: Owner<Item> = { usedBytes: 60, keptBytes: 60, recency: [] };
    const [a, b] = [owner('a', 1, 2, 3), owner('b', 4, 5)];
    // Two namespaces share 40 of 100, not two thirds of it.
    assert.deepEqual(names(victims([keeping, a, b], 100, undefined, 20, 0)), ['a1']);
    assert.deepEqual(names(victims([keeping, a, b], 100, undefined, 60, 0)), ['a1', 'a2', 'b4']);
    assert.equal(victims([keeping, a, b], 100, undefined, 61, 0), undefined);
    // What is kept beyond the share goes first to the bound of the others, also if it is the requester's.
    assert.deepEqual(names(victims([a, b], 100, keeping, 20, 0)), ['a1']);
    // A namespace that keeps no more than its share has the same share.
    const within: Owner<Item> = { usedBytes: 30, keptBytes: 30, recency: [] };
    assert.equal(victims([within, owner('a', 1, 2), owner('b', 3)], 120, undefined, 1, 0), undefined);
  });

  it('leave no share to others if what some keep takes it all', () => {
    const keeping = (keptBytes: number): Owner<Item> => ({ usedBytes: keptBytes, keptBytes, recency: [] });
    const last = owner('a', 1);
    // 30 of 100 bytes are beyond the share, since 60 others are.
    assert.deepEqual(names(victims([keeping(30), keeping(60), last], 100, undefined, 20, 0)), ['a1']);
    assert.equal(victims([keeping(30), keeping(50), last], 100, undefined, 20, 0), undefined);
    const tiny: Owner<Item> = { usedBytes: 1, keptBytes: 0, recency: [{ name: 't', cost: 1, usedAt: 1, holds: 0 }] };
    for (const bytes of [100, 110]) {
      assert.deepEqual(names(victims([keeping(bytes), tiny], 100, undefined, 1, 0)), ['t']);
    }
  });

  it('are all objects that may be evicted, if the kept ones exceed the bound', () => {
    const a: Owner<Item> = { ...owner('a', 1, 3), usedBytes: 90, keptBytes: 50 };
    const b: Owner<Item> = { ...owner('b', 2), usedBytes: 60, keptBytes: 40 };
    assert.deepEqual(names(victims([a, b], 60, undefined, 60, 0)), ['a1', 'b2', 'a3']);
    assert.equal(victims([a, b], 60, undefined, 61, 0), undefined);
  });

  it('are not those that a response sends', () => {
    const held: Owner<Item> = {
      usedBytes: 40,
      keptBytes: 0,
      recency: [
        { name: 'held', cost: 20, usedAt: 1, holds: 1 },
        { name: 'free', cost: 20, usedAt: 2, holds: 0 },
      ],
    };
    assert.deepEqual(names(victims([held], 10, undefined, 20, 0)), ['free']);
    assert.equal(victims([held], 10, undefined, 21, 0), undefined);
  });
});
