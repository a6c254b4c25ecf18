import type { ColorKey } from './colorKey.js';

const NONE = -1;

/**
 * An explicit table from colors to invokers that remembers up to `limit` colors and forgets the one not seen for longest.
 *
 * Colors are numbers, so the table is arrays of numbers: a hash table with chains and a list in the order of use. That is
 * 26 bytes a color and up to twice that while it grows, with nothing for the garbage collector to walk; a `Map` with its
 * entries would take several times as much.
 */
export class ColorTable {
  readonly #limit: number;
  #capacity: number;
  #size = 0;
  #keys: Float64Array;
  #invokers: Uint16Array;
  /** By hash: the first entry. */
  #heads: Int32Array;
  /** The next entry with the same hash. */
  #chain: Int32Array;
  /** Towards the entry seen more lately, and less lately. */
  #newer: Int32Array;
  #older: Int32Array;
  #newest = NONE;
  #oldest = NONE;

  constructor(limit: number) {
    this.#limit = Math.max(1, limit);
    this.#capacity = Math.min(1024, this.#limit);
    this.#keys = new Float64Array(this.#capacity);
    this.#invokers = new Uint16Array(this.#capacity);
    this.#heads = new Int32Array(headsFor(this.#capacity)).fill(NONE);
    this.#chain = new Int32Array(this.#capacity);
    this.#newer = new Int32Array(this.#capacity);
    this.#older = new Int32Array(this.#capacity);
  }

  get size(): number {
    return this.#size;
  }

  /** Bytes that the table takes. */
  get bytes(): number {
    const arrays = [this.#keys, this.#invokers, this.#heads, this.#chain, this.#newer, this.#older];
    return arrays.reduce((sum, array) => sum + array.byteLength, 0);
  }

  /** The invoker of a color, without counting as a use; undefined for an unknown one. */
  peek(color: ColorKey): number | undefined {
    const entry = this.#find(color);
    return entry === NONE ? undefined : this.#invokers[entry];
  }

  /** The invoker of a color, which becomes the one seen most lately. */
  get(color: ColorKey): number | undefined {
    const entry = this.#find(color);
    if (entry === NONE) return undefined;
    if (entry !== this.#newest) {
      this.#unlink(entry);
      this.#linkNewest(entry);
    }
    return this.#invokers[entry];
  }

  /**
   * Gives a color an invoker.
   * @returns the invoker of the color that was forgotten for it, or -1.
   */
  set(color: ColorKey, invoker: number): number {
    let entry = this.#find(color);
    if (entry !== NONE) {
      this.#invokers[entry] = invoker;
      this.get(color);
      return NONE;
    }
    let forgotten = NONE;
    if (this.#size < this.#limit) {
      if (this.#size === this.#capacity) this.#grow();
      entry = this.#size++;
    } else {
      entry = this.#oldest;
      forgotten = this.#invokers[entry] as number;
      this.#unlink(entry);
      this.#unchain(entry);
    }
    this.#keys[entry] = color;
    this.#invokers[entry] = invoker;
    this.#enchain(entry);
    this.#linkNewest(entry);
    return forgotten;
  }

  #find(color: ColorKey): number {
    let entry = this.#heads[this.#hash(color)] as number;
    while (entry !== NONE && this.#keys[entry] !== color) entry = this.#chain[entry] as number;
    return entry;
  }

  /** The lower bits of a color are well spread as they are. */
  #hash(color: ColorKey): number {
    return (color >>> 0) & (this.#heads.length - 1);
  }

  #enchain(entry: number): void {
    const hash = this.#hash(this.#keys[entry] as number);
    this.#chain[entry] = this.#heads[hash] as number;
    this.#heads[hash] = entry;
  }

  #unchain(entry: number): void {
    const hash = this.#hash(this.#keys[entry] as number);
    let at = this.#heads[hash] as number;
    if (at === entry) {
      this.#heads[hash] = this.#chain[entry] as number;
      return;
    }
    while (this.#chain[at] !== entry) at = this.#chain[at] as number;
    this.#chain[at] = this.#chain[entry] as number;
  }

  #unlink(entry: number): void {
    const newer = this.#newer[entry] as number;
    const older = this.#older[entry] as number;
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
  }

  #grow(): void {
    this.#capacity = Math.min(this.#limit, this.#capacity * 2);
    this.#keys = grown(this.#keys, new Float64Array(this.#capacity));
    this.#invokers = grown(this.#invokers, new Uint16Array(this.#capacity));
    this.#chain = grown(this.#chain, new Int32Array(this.#capacity));
    this.#newer = grown(this.#newer, new Int32Array(this.#capacity));
    this.#older = grown(this.#older, new Int32Array(this.#capacity));
    this.#heads = new Int32Array(headsFor(this.#capacity)).fill(NONE);
    for (let entry = 0; entry < this.#size; entry++) this.#enchain(entry);
  }
}

function grown<T extends Float64Array | Int32Array | Uint16Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

/** The power of two at or above. */
const headsFor = (capacity: number): number => 2 ** Math.ceil(Math.log2(capacity));
