import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';
import type { Owned } from './ColorStates.js';
import { lostColor } from './lostColor.js';
import type { ObjectStore } from './ObjectStore.js';

/** The most keys of one color to remember, and of all colors. */
const MAX_KEYS = 10_000;
const MAX_ALL_KEYS = 500_000;
/** The most lists with keys. */
const MAX_LISTS = 50_000;

/**
 * The keys of owned colors in the store. An object whose key is not among them is not searched for there. If there are too
 * many, the list of a color is forgotten for the rest of its ownership (`many`): a list that was read again could miss an
 * object that is written meanwhile. Most colors have nothing in the store: an empty list is kept in its ownership only.
 */
export class StoredKeyLists {
  readonly #maxKeys: number;
  readonly #maxAllKeys: number;
  readonly #maxLists: number;
  /**
   * Lists with keys; the oldest one comes first. Those of colors that are not owned any more are forgotten in this order,
   * too.
   */
  readonly #lists = new Map<Owned, Set<string>>();
  #keys = 0;

  constructor({ maxKeys = MAX_KEYS, maxAllKeys = MAX_ALL_KEYS, maxLists = MAX_LISTS } = {}) {
    this.#maxKeys = maxKeys;
    this.#maxAllKeys = maxAllKeys;
    this.#maxLists = maxLists;
  }

  /** The number of remembered keys. */
  get size(): number {
    return this.#keys;
  }

  /**
   * The keys of a color. The store is asked once for each ownership: all callers wait for the same answer, and only after a
   * failure the next one asks again. The epoch of the ownership becomes higher than those of all stored objects, unless it has
   * ended meanwhile: a later owner may have read one of them, and its claim must stay the higher one.
   * @param isOwned whether the ownership is the present one.
   * @throws ObjectError 503
   */
  async of(
    { store, isOwned }: { readonly store: ObjectStore; readonly isOwned: () => boolean },
    owned: Owned,
    namespace: ObjectNamespace,
    color: string,
  ): Promise<ReadonlySet<string> | 'many'> {
    if (owned.stored) return owned.stored;
    const ask = async (): Promise<Set<string> | 'many'> => {
      const { keys, epoch } = await store.keys(namespace, color);
      if (!isOwned()) throw lostColor();
      owned.epoch = Math.max(owned.epoch, epoch + 1);
      return this.#keep(owned, keys);
    };
    return (owned.storing ??= ask().finally(() => (owned.storing = undefined)));
  }

  /** Notes a key that was written. */
  add(owned: Owned, key: string): void {
    const { stored } = owned;
    if (!(stored instanceof Set)) return;
    this.#keys -= stored.size;
    stored.add(key);
    this.#keys += stored.size;
    this.#lists.set(owned, stored);
    this.#bound(owned, stored);
  }

  /** Notes a key that was removed. */
  delete(owned: Owned, key: string): void {
    const { stored } = owned;
    if (!(stored instanceof Set) || !stored.delete(key)) return;
    this.#keys--;
    if (stored.size === 0) this.#lists.delete(owned);
  }

  #keep(owned: Owned, keys: Set<string> | 'many'): Set<string> | 'many' {
    owned.stored = keys;
    if (keys === 'many' || keys.size === 0) return keys;
    this.#lists.set(owned, keys);
    this.#keys += keys.size;
    this.#bound(owned, keys);
    return keys;
  }

  #bound(owned: Owned, keys: Set<string>): void {
    if (keys.size > this.#maxKeys) this.#forget(owned, keys);
    for (const [oldest, list] of this.#lists) {
      if (this.#keys <= this.#maxAllKeys && this.#lists.size <= this.#maxLists) return;
      this.#forget(oldest, list);
    }
  }

  #forget(owned: Owned, keys: Set<string>): void {
    owned.stored = 'many';
    this.#lists.delete(owned);
    this.#keys -= keys.size;
  }
}
