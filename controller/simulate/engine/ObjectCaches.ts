import { numberAt } from '../../../shared/collections/at.js';

const NONE = -1;

/**
 * The caches of all workers: each keeps objects up to a capacity, and drops the least recently used ones first. All
 * entries are in one pool of typed arrays with one hash table (linear probing), so that a lookup makes no garbage.
 */
export class ObjectCaches {
  readonly #capacity: number;
  readonly #objects: number;
  readonly #used: Float64Array;
  /** For each worker the most and the least recently used entry. */
  readonly #newest: Int32Array;
  readonly #oldest: Int32Array;
  /** For each entry: worker times number of objects plus object, its size and version, and its neighbors in the order of use. */
  #keys = new Float64Array(1024);
  #sizes = new Float64Array(1024);
  #versions = new Int32Array(1024);
  #newer = new Int32Array(1024);
  #older = new Int32Array(1024);
  #unused = NONE;
  #entries = 0;
  #count = 0;
  #table = new Int32Array(4096).fill(NONE);

  /** @param capacity of each worker, in the unit of the sizes. */
  constructor(workers: number, objects: number, capacity: number) {
    this.#capacity = capacity;
    this.#objects = objects;
    this.#used = new Float64Array(workers);
    this.#newest = new Int32Array(workers).fill(NONE);
    this.#oldest = new Int32Array(workers).fill(NONE);
  }

  /** Whether a worker has an object in this version. Marks it as used. */
  has(worker: number, object: number, version = 0): boolean {
    const entry = this.#find(worker * this.#objects + object);
    if (entry === NONE || numberAt(this.#versions, entry) !== version) return false;
    this.#unlink(worker, entry);
    this.#link(worker, entry);
    return true;
  }

  /** Keeps an object on a worker, unless it is larger than the capacity. */
  keep(worker: number, object: number, size = 1, version = 0): void {
    const key = worker * this.#objects + object;
    const known = this.#find(key);
    if (known !== NONE) this.#remove(worker, known);
    if (size > this.#capacity) return;
    while (numberAt(this.#used, worker) + size > this.#capacity) this.#remove(worker, numberAt(this.#oldest, worker));
    const entry = this.#entry();
    this.#keys[entry] = key;
    this.#sizes[entry] = size;
    this.#versions[entry] = version;
    this.#used[worker] = numberAt(this.#used, worker) + size;
    this.#link(worker, entry);
    this.#insert(entry);
  }

  /** Drops all objects of a worker. */
  clear(worker: number): void {
    for (let entry = numberAt(this.#oldest, worker); entry !== NONE; entry = numberAt(this.#oldest, worker)) {
      this.#remove(worker, entry);
    }
  }

  #link(worker: number, entry: number): void {
    const newest = numberAt(this.#newest, worker);
    this.#older[entry] = newest;
    this.#newer[entry] = NONE;
    if (newest === NONE) this.#oldest[worker] = entry;
    else this.#newer[newest] = entry;
    this.#newest[worker] = entry;
  }

  #unlink(worker: number, entry: number): void {
    const newer = numberAt(this.#newer, entry);
    const older = numberAt(this.#older, entry);
    if (newer === NONE) this.#newest[worker] = older;
    else this.#older[newer] = older;
    if (older === NONE) this.#oldest[worker] = newer;
    else this.#newer[older] = newer;
  }

  #remove(worker: number, entry: number): void {
    this.#unlink(worker, entry);
    this.#used[worker] = numberAt(this.#used, worker) - numberAt(this.#sizes, entry);
    this.#delete(numberAt(this.#keys, entry));
    this.#older[entry] = this.#unused;
    this.#unused = entry;
    this.#count--;
  }

  #entry(): number {
    this.#count++;
    if (this.#count * 2 > this.#table.length) this.#rehash();
    const unused = this.#unused;
    if (unused !== NONE) {
      this.#unused = numberAt(this.#older, unused);
      return unused;
    }
    if (this.#entries === this.#keys.length) this.#grow();
    return this.#entries++;
  }

  #slot(key: number): number {
    const bits = Math.imul(key % 0x7fffffff, 0x9e3779b1) >>> 0;
    return (bits ^ (bits >>> 15)) & (this.#table.length - 1);
  }

  #find(key: number): number {
    const [table, keys] = [this.#table, this.#keys];
    const mask = table.length - 1;
    for (let slot = this.#slot(key); ; slot = (slot + 1) & mask) {
      const entry = numberAt(table, slot);
      if (entry === NONE || numberAt(keys, entry) === key) return entry;
    }
  }

  #insert(entry: number): void {
    const mask = this.#table.length - 1;
    let slot = this.#slot(numberAt(this.#keys, entry));
    while (numberAt(this.#table, slot) !== NONE) slot = (slot + 1) & mask;
    this.#table[slot] = entry;
  }

  /** Removes a key, and moves later entries of its run forward so that they are still found. */
  #delete(key: number): void {
    const table = this.#table;
    const mask = table.length - 1;
    let hole = this.#slot(key);
    while (numberAt(this.#keys, numberAt(table, hole)) !== key) hole = (hole + 1) & mask;
    for (let slot = (hole + 1) & mask; ; slot = (slot + 1) & mask) {
      const entry = numberAt(table, slot);
      if (entry === NONE) break;
      const wanted = this.#slot(numberAt(this.#keys, entry));
      if (((slot - wanted) & mask) < ((slot - hole) & mask)) continue;
      table[hole] = entry;
      hole = slot;
    }
    table[hole] = NONE;
  }

  #rehash(): void {
    const old = this.#table;
    this.#table = new Int32Array(2 * old.length).fill(NONE);
    for (const entry of old) if (entry !== NONE) this.#insert(entry);
  }

  #grow(): void {
    const size = 2 * this.#keys.length;
    const [keys, sizes, versions, newer, older] = [this.#keys, this.#sizes, this.#versions, this.#newer, this.#older];
    (this.#keys = new Float64Array(size)).set(keys);
    (this.#sizes = new Float64Array(size)).set(sizes);
    (this.#versions = new Int32Array(size)).set(versions);
    (this.#newer = new Int32Array(size)).set(newer);
    (this.#older = new Int32Array(size)).set(older);
  }
}
