/** An item of a `RecencyList`. The list owns the links. */
export interface Recent<T> {
  older: T | undefined;
  newer: T | undefined;
}

/** Items in the order of their last use. All operations take constant time. */
export class RecencyList<T extends Recent<T>> implements Iterable<T> {
  #oldest: T | undefined;
  #newest: T | undefined;

  /** Adds an item as the most recently used one. It must not be in a list. */
  add(item: T): void {
    item.older = this.#newest;
    item.newer = undefined;
    if (this.#newest) this.#newest.newer = item;
    else this.#oldest = item;
    this.#newest = item;
  }

  /** Removes an item, which must be in this list. */
  remove(item: T): void {
    if (item.older) item.older.newer = item.newer;
    else this.#oldest = item.newer;
    if (item.newer) item.newer.older = item.older;
    else this.#newest = item.older;
    item.older = item.newer = undefined;
  }

  /** Makes an item the most recently used one. */
  touch(item: T): void {
    if (item === this.#newest) return;
    this.remove(item);
    this.add(item);
  }

  /** The items, the least recently used first. */
  *[Symbol.iterator](): Iterator<T> {
    for (let item = this.#oldest; item; item = item.newer) yield item;
  }
}
