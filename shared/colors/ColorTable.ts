import type { ColorKey } from './colorKey.js';

export const NONE = -1;

/**
 * A table from colors to invokers that keeps up to `limit` colors and forgets the least recently used one. Times are
 * monotonic numbers in any unit. A color is live if it was used at or after the time of the last `expire`.
 *
 * Colors are numbers, so the table consists of arrays of numbers: a hash table with chains, and a list in the order of
 * use. That takes 34 bytes for each color, and up to twice as much while it grows, without objects for the garbage
 * collector. A `Map` of entries would take several times as much. An entry is always within them: the defaults behind
 * reads are for the compiler.
 */
export class ColorTable {
  readonly #limit: number;
  #capacity: number;
  #size = 0;
  #keys: Float64Array;
  #invokers: Uint16Array;
  /** The first entry of each hash. */
  #heads: Int32Array;
  /** The next entry with the same hash. */
  #chain: Int32Array;
  /** The links to the next more recently and the next less recently used entry. */
  #newer: Int32Array;
  #older: Int32Array;
  /** The times of the last use and of the last update to other controllers. */
  #seenAt: Int32Array;
  #toldAt: Int32Array;
  #newest = NONE;
  #oldest = NONE;
  /** The least recently used live entry. */
  #oldestLive = NONE;
  #liveSince = -Infinity;

  constructor(limit: number) {
    this.#limit = Math.max(1, limit);
    this.#capacity = Math.min(1024, this.#limit);
    this.#keys = new Float64Array(this.#capacity);
    this.#invokers = new Uint16Array(this.#capacity);
    this.#heads = new Int32Array(headsFor(this.#capacity)).fill(NONE);
    this.#chain = new Int32Array(this.#capacity);
    this.#newer = new Int32Array(this.#capacity);
    this.#older = new Int32Array(this.#capacity);
    this.#seenAt = new Int32Array(this.#capacity);
    this.#toldAt = new Int32Array(this.#capacity);
  }

  get size(): number {
    return this.#size;
  }

  /** The size of the table in bytes. */
  get bytes(): number {
    const { length } = this.#heads;
    return this.#capacity * (8 + 2 + 5 * 4) + length * 4;
  }

  /**
   * The entry of a color; `NONE` for an unknown color. Does not count as a use. The entry is valid until the next
   * `set`.
   */
  find(color: ColorKey): number {
    let entry = this.#heads[this.#hash(color)] ?? NONE;
    while (entry !== NONE && this.#keys[entry] !== color) entry = this.#chain[entry] ?? NONE;
    return entry;
  }

  invokerOf(entry: number): number {
    return this.#invokers[entry] ?? 0;
  }

  isLive(entry: number): boolean {
    return (this.#seenAt[entry] ?? 0) >= this.#liveSince;
  }

  toldAt(entry: number): number {
    return this.#toldAt[entry] ?? 0;
  }

  told(entry: number, now: number): void {
    this.#toldAt[entry] = now;
  }

  /** Marks a color as used: it is live and the last one to forget. */
  touch(entry: number, now: number): void {
    this.#seenAt[entry] = now;
    if (entry === this.#newest) {
      if (this.#oldestLive === NONE) this.#oldestLive = entry;
      return;
    }
    this.#unlink(entry);
    this.#linkNewest(entry);
  }

  /**
   * Assigns an invoker to a color and marks the color as used.
   * @param onForgotten called before the entry of another color is dropped for it.
   * @returns the entry of the color.
   */
  set(color: ColorKey, invoker: number, now: number, onForgotten: (entry: number) => void): number {
    let entry = this.find(color);
    if (entry !== NONE) {
      this.#invokers[entry] = invoker;
      this.touch(entry, now);
      return entry;
    }
    if (this.#size < this.#limit) {
      if (this.#size === this.#capacity) this.#grow();
      entry = this.#size++;
    } else {
      entry = this.#oldest;
      onForgotten(entry);
      this.#unlink(entry);
      this.#unchain(entry);
    }
    this.#keys[entry] = color;
    this.#invokers[entry] = invoker;
    this.#seenAt[entry] = now;
    this.#enchain(entry);
    this.#linkNewest(entry);
    return entry;
  }

  /** Ends the life of colors that were last used before `since`. Calls `onExpired` for each of them. */
  expire(since: number, onExpired: (entry: number) => void): void {
    while (this.#oldestLive !== NONE && (this.#seenAt[this.#oldestLive] ?? 0) < since) {
      onExpired(this.#oldestLive);
      this.#oldestLive = this.#newer[this.#oldestLive] ?? NONE;
    }
    this.#liveSince = since;
  }

  /** The lower bits of a color are evenly distributed. */
  #hash(color: ColorKey): number {
    return (color >>> 0) & (this.#heads.length - 1);
  }

  #enchain(entry: number): void {
    const hash = this.#hash(this.#keys[entry] ?? 0);
    this.#chain[entry] = this.#heads[hash] ?? NONE;
    this.#heads[hash] = entry;
  }

  #unchain(entry: number): void {
    const hash = this.#hash(this.#keys[entry] ?? 0);
    let at = this.#heads[hash] ?? NONE;
    if (at === entry) {
      this.#heads[hash] = this.#chain[entry] ?? NONE;
      return;
    }
    while (this.#chain[at] !== entry) at = this.#chain[at] ?? NONE;
    this.#chain[at] = this.#chain[entry] ?? NONE;
  }

  #unlink(entry: number): void {
    const newer = this.#newer[entry] ?? NONE;
    const older = this.#older[entry] ?? NONE;
    if (entry === this.#oldestLive) this.#oldestLive = newer;
    if (newer === NONE) this.#newest = older;
    else this.#older[newer] = older;
    if (older === NONE) this.#oldest = newer;
    else this.#newer[older] = newer;
  }

  #linkNewest(entry: number): void {
    this.#newer[entry] = NONE;
    this.#older[entry] = this.#newest;
    if (this.#newest === NONE) this.#oldest = entry;
    else this.#newer[this.#newest] = entry;
    this.#newest = entry;
    if (this.#oldestLive === NONE) this.#oldestLive = entry;
  }

  #grow(): void {
    this.#capacity = Math.min(this.#limit, this.#capacity * 2);
    this.#keys = grown(this.#keys, new Float64Array(this.#capacity));
    this.#invokers = grown(this.#invokers, new Uint16Array(this.#capacity));
    this.#chain = grown(this.#chain, new Int32Array(this.#capacity));
    this.#newer = grown(this.#newer, new Int32Array(this.#capacity));
    this.#older = grown(this.#older, new Int32Array(this.#capacity));
    this.#seenAt = grown(this.#seenAt, new Int32Array(this.#capacity));
    this.#toldAt = grown(this.#toldAt, new Int32Array(this.#capacity));
    this.#heads = new Int32Array(headsFor(this.#capacity)).fill(NONE);
    for (let entry = 0; entry < this.#size; entry++) this.#enchain(entry);
  }
}

function grown<T extends Float64Array | Int32Array | Uint16Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

/** The next power of two. */
const headsFor = (capacity: number): number => 2 ** Math.ceil(Math.log2(capacity));
