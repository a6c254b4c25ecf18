import { LRUCache } from 'lru-cache';
import { within } from '../process/within.js';

/** The bounds of a cache. */
export interface CacheBounds<V> {
  /** The largest sum of weights. Beyond it the least recently used values are removed. */
  readonly maxWeight: number;
  /** The weight of a value: a positive integer. */
  weigh(value: V): number;
  /** The time for which a value is fresh, in ms. */
  readonly maxAgeMs: number;
  /** Missing: stale values are never returned. */
  readonly stale?: StaleBounds | undefined;
  /** The monotonic time in ms. */
  now(): number;
}

/** The bounds of stale values, which are returned only while the store does not answer. */
export interface StaleBounds {
  /** The largest age in ms. */
  readonly maxAgeMs: number;
  /** The wait for the store before a caller gets the stale value, in ms. */
  readonly patienceMs: number;
  /** Whether an error means that the store does not answer. Other errors are passed to the caller. */
  isUnavailable(error: unknown): boolean;
}

interface CachedValue<V> {
  readonly value: V;
  readonly since: number;
}

/** A pending read or write. The last one of a key determines the cached value, unless it is displaced. */
interface Operation<V> {
  /** For a read: its outcome, and its start. */
  readonly reading?: Promise<V | undefined>;
  readonly since: number;
}

/**
 * Caches values from a store by key. Overlapping reads of a key share one request. A change displaces pending reads and
 * writes: their callers still get the values, but the values are not cached. So a value from before a known change is
 * never cached after it. Missing values are not cached.
 */
export class ReadThroughCache<V extends {}> {
  readonly #bounds: CacheBounds<V>;
  readonly #entries: LRUCache<string, CachedValue<V>>;
  readonly #operations = new Map<string, Operation<V>>();

  constructor(bounds: CacheBounds<V>) {
    this.#bounds = bounds;
    this.#entries = new LRUCache({ maxSize: bounds.maxWeight, sizeCalculation: ({ value }) => bounds.weigh(value) });
  }

  /** The cached value if it is fresh. */
  peek(key: string): V | undefined {
    const entry = this.#entries.get(key);
    return entry && this.#age(entry) <= this.#bounds.maxAgeMs ? entry.value : undefined;
  }

  /** The cached value if it is fresh, or else the result of `load`, or else the stale value. */
  get(key: string, load: () => Promise<V | undefined>): Promise<V | undefined> {
    const cached = this.peek(key);
    return cached === undefined ? this.#orStale(key, this.getFresh(key, load)) : Promise.resolve(cached);
  }

  /**
   * The cached value if it is fresh, otherwise the result of `load`. Never stale, so that the caller may cache it
   * again.
   */
  getFresh(key: string, load: () => Promise<V | undefined>): Promise<V | undefined> {
    const cached = this.peek(key);
    if (cached !== undefined) return Promise.resolve(cached);
    return this.#operations.get(key)?.reading ?? this.reload(key, load);
  }

  /** The result of `load`, even if a fresh value is cached; the cached value while the store does not answer. */
  refresh(key: string, load: () => Promise<V | undefined>): Promise<V | undefined> {
    return this.#orStale(key, this.reload(key, load));
  }

  /** The result of a new `load`, which replaces the cached value. Never stale. */
  async reload(key: string, load: () => Promise<V | undefined>): Promise<V | undefined> {
    const reading = load();
    if (this.#isWriting(key)) return reading;
    const operation: Operation<V> = { reading, since: this.#bounds.now() };
    this.#operations.set(key, operation);
    try {
      const value = await reading;
      if (this.#finish(key, operation)) this.#keep(key, value);
      return value;
    } catch (error) {
      this.#finish(key, operation);
      throw error;
    }
  }

  /** Runs a change of the key's value and caches its result. During the change the key is not cached. */
  async write<W extends V | undefined>(key: string, change: () => Promise<W>): Promise<W> {
    const operation: Operation<V> = { since: this.#bounds.now() };
    this.#entries.delete(key);
    this.#operations.set(key, operation);
    try {
      const value = await change();
      if (this.#finish(key, operation)) this.#keep(key, value);
      // Displaced: a later read may have got the value from before the change.
      else this.invalidate(key);
      return value;
    } catch (error) {
      // The change may have been stored.
      this.invalidate(key);
      throw error;
    }
  }

  /** Removes a key after another process's change. */
  invalidate(key: string): void {
    this.#entries.delete(key);
    this.#operations.delete(key);
  }

  /** The outcome of a read, or the stale value if the store does not answer in time. */
  #orStale(key: string, reading: Promise<V | undefined>): Promise<V | undefined> {
    const { stale } = this.#bounds;
    const entry = this.#entries.get(key);
    if (!stale || !entry || this.#age(entry) > stale.maxAgeMs) return reading;
    const begun = this.#operations.get(key)?.since ?? this.#bounds.now();
    const waitMs = Math.max(0, stale.patienceMs - (this.#bounds.now() - begun));
    return within(reading, waitMs, () => entry.value).catch((error: unknown) => {
      if (stale.isUnavailable(error)) return entry.value;
      throw error;
    });
  }

  #age({ since }: CachedValue<V>): number {
    return this.#bounds.now() - since;
  }

  /** Whether a write is pending. Then every read uses the store, and the write determines the cached value. */
  #isWriting(key: string): boolean {
    const operation = this.#operations.get(key);
    return operation !== undefined && operation.reading === undefined;
  }

  /** Ends an operation. @returns whether it was not displaced. */
  #finish(key: string, operation: Operation<V>): boolean {
    return this.#operations.get(key) === operation && this.#operations.delete(key);
  }

  #keep(key: string, value: V | undefined): void {
    if (value === undefined) this.#entries.delete(key);
    else this.#entries.set(key, { value, since: this.#bounds.now() });
  }
}
