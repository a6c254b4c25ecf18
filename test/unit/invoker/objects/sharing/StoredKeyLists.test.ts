import assert from 'node:assert/strict';
import { newlyOwned, type Owned } from '../../../../../invoker/objects/sharing/ColorStates.js';
import { StoredKeyLists } from '../../../../../invoker/objects/sharing/StoredKeyLists.js';
import type { ObjectStore, StoredColor } from '../../../../../invoker/objects/sharing/ObjectStore.js';
import { ObjectError } from '../../../../../shared/objects/ObjectError.js';
import { A, refused } from '../memory/memories.js';
import { MapStore } from './MapStore.js';

const owning = (): Owned =>
  newlyOwned({ namespace: A, color: 'c', policy: undefined, epoch: 5, lapses: 0, validMs: 1000 });

/** A store whose colors have such keys. */
function storeOf(answer: () => Promise<StoredColor>): ObjectStore {
  const store = new MapStore();
  store.keys = answer;
  return store;
}

/** For an ownership that goes on. */
const present = (store: ObjectStore) => ({ store, isOwned: () => true });

const keysOf = (count: number): Set<string> => new Set(Array.from({ length: count }, (_, n) => `k${n}`));

describe('the keys of a color in the store', () => {
  it('are asked for once, however many wait for them, and again after a failure', async () => {
    const answers: ((answer: StoredColor | Error) => void)[] = [];
    const store = storeOf(
      () =>
        new Promise((resolve, reject) => {
          answers.push((answer) => (answer instanceof Error ? reject(answer) : resolve(answer)));
        }),
    );
    const [lists, owned] = [new StoredKeyLists(), owning()];
    const both = (): Promise<ReadonlySet<string> | 'many'>[] => [
      lists.of(present(store), owned, A, 'c'),
      lists.of(present(store), owned, A, 'c'),
    ];
    const failing = both().map((asking) => assert.rejects(asking, refused(503, /slow/)));
    assert.equal(answers.length, 1);
    answers[0]?.(new ObjectError(503, 'slow'));
    await Promise.all(failing);
    const asking = both();
    assert.equal(answers.length, 2);
    answers[1]?.({ keys: new Set(['k']), epoch: 9 });
    for (const keys of await Promise.all(asking)) assert.deepEqual(keys, new Set(['k']));
    assert.equal(owned.epoch, 10);
    assert.deepEqual(await lists.of(present(store), owned, A, 'c'), new Set(['k']));
    assert.equal(answers.length, 2);
  });

  it('do not raise the epoch of an ownership that has ended meanwhile above that of a later one', async () => {
    const [lists, owned] = [new StoredKeyLists(), owning()];
    const store = storeOf(async () => ({ keys: new Set(['k']), epoch: 9 }));
    await assert.rejects(
      lists.of({ store, isOwned: () => false }, owned, A, 'c'),
      refused(503, /taken the color over/),
    );
    assert.deepEqual([owned.epoch, owned.stored, lists.size], [5, undefined, 0]);
  });

  it('are forgotten if a color gets too many, or all colors have too many: then its objects are always searched for', async () => {
    const lists = new StoredKeyLists({ maxKeys: 4, maxAllKeys: 10 });
    const store = storeOf(async () => ({ keys: keysOf(3), epoch: 1 }));
    const colors = [owning(), owning(), owning()];
    const [first, second, third] = colors;
    assert.ok(first && second && third);
    for (const owned of colors) await lists.of(present(store), owned, A, 'c');
    assert.equal(lists.size, 9);
    lists.add(second, 'k0');
    lists.delete(second, 'none');
    lists.add(second, 'more');
    assert.equal(lists.size, 10);
    lists.add(third, 'more');
    assert.equal(first.stored, 'many');
    assert.equal(lists.size, 8);
    lists.add(second, 'too many');
    assert.equal(second.stored, 'many');
    assert.equal(lists.size, 4);
    lists.delete(third, 'more');
    assert.deepEqual(third.stored, keysOf(3));
    assert.equal(lists.size, 3);
    lists.add(first, 'k');
    assert.equal(await lists.of(present(store), first, A, 'c'), 'many');
    assert.equal(lists.size, 3);
  });

  it('are not remembered apart from the color while there are none, and for a bounded number of colors', async () => {
    const lists = new StoredKeyLists({ maxLists: 2 });
    let asked = 0;
    let count = 1;
    const store = storeOf(async () => {
      asked++;
      return { keys: keysOf(count), epoch: 1 };
    });
    const owned = async (): Promise<Owned> => {
      const color = owning();
      await lists.of(present(store), color, A, 'c');
      return color;
    };
    const [first, second] = [await owned(), await owned()];
    count = 0;
    const empty = [await owned(), await owned(), await owned()];
    // These would have pushed the first list out.
    assert.deepEqual([first.stored, second.stored], [keysOf(1), keysOf(1)]);
    const [filled] = empty;
    assert.ok(filled);
    assert.deepEqual(await lists.of(present(store), filled, A, 'c'), new Set());
    assert.equal(asked, 5);
    // A list that becomes empty makes room for another one.
    lists.delete(second, 'k0');
    assert.deepEqual(second.stored, new Set());
    lists.add(filled, 'k');
    assert.deepEqual([first.stored, filled.stored], [keysOf(1), new Set(['k'])]);
    assert.equal(lists.size, 2);
    lists.add(second, 'k');
    assert.deepEqual([first.stored, filled.stored, second.stored], ['many', new Set(['k']), new Set(['k'])]);
    assert.equal(lists.size, 2);
  });
});
