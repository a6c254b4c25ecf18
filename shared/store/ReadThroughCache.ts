import { LRUCache } from 'lru-cache';
import { within } from '../process/within.js';

/** What a cache holds, and for how long. */
export interface CacheBounds<V> {
  /** The largest sum of the weights of the values; the least recently used value goes first. */
  readonly maxWeight: number;
  /** A whole number above 0. */
  weigh(value: V): number;
  /** How long a value is fresh, in ms. */
  readonly maxAgeMs: number;
  /** Missing: a value that is not fresh is never given out. */
  readonly stale?: StaleBounds | undefined;
  /** Milliseconds, monotonic. */
  now(): number;
}

/** When a value is given out although it is not fresh: while the store does not answer. */
export interface StaleBounds {
  /** How long after it was read, in ms. */
  readonly maxAgeMs: number;
  /** How long a caller waits for the store before it gets the stale value, in ms. */
  readonly patienceMs: number;
  /** Whether an error of a read means that the store does not answer. Any other error is the caller's. */
  isUnavailable(error: unknown): boolean;
}

interface Entry<V> {
  readonly value: V;
  readonly since: number;
}

/** A read or a write under way. The last one registered for a key decides what is cached, unless it is displaced. */
interface Operation<V> {
  /** Of a read: its outcome, and when it began. */
  readonly reading?: Promise<V | undefined>;
  readonly since: number;
}

/**
 * Caches what was read from a store, by key. Overlapping reads of a key share one request. A value that was read before
 * a change became known is never cached after it: a change displaces the reads and writes under way; a displaced operation
 * still answers its callers, but its value is not cached. A missing value is not cached.
 */
export class ReadThroughCache<V extends {}> {
  readonly #bounds: CacheBounds<V>;
  readonly #entries: LRUCache<string, Entry<V>>;
  readonly #operations = new Map<string, Operation<V>>();

  constructor(bounds: CacheBounds<V>) {
    this.#bounds = bounds;
    this.#entries = new LRUCache({ maxSize: bounds.maxWeight, sizeCalculation: ({ value }) => bounds.weigh(value) });
  }

  /** The cached value where it is fresh. */
  peek(key: string): V | undefined {
    const entry = this.#entries.get(key);
    return entry && this.#age(entry) <= this.#bounds.maxAgeMs ? entry.value : undefined;
  }

  /** The cached value where it is fresh, else what `load` resolves to, else the stale value. */
  get(key: string, load: () => Promise<V | undefined>): Promise<V | undefined> {
    const cached = this.peek(key);
    return cached === undefined ? this.#orStale(key, this.getFresh(key, load)) : Promise.resolve(cached);
  }

  /** The cached value where it is fresh, else what `load` resolves to. Never stale: for what is cached elsewhere again. */
  getFresh(key: string, load: () => Promise<V | undefined>): Promise<V | undefined> {
    const cached = this.peek(key);
    if (cached !== undefined) return Promise.resolve(cached);
    return this.#operations.get(key)?.reading ?? this.reload(key, load);
  }

  /** What `load` resolves to, although a fresh value may be cached; the cached value while the store does not answer. */
  refresh(key: string, load: () => Promise<V | undefined>): Promise<V | undefined> {
    return this.#orStale(key, this.reload(key, load));
  }

  /** What `load`, begun now, resolves to; it replaces the cached value. Never stale. */
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

  /** Runs a change of what is stored under `key`, and caches what it resolves to. Until then nothing is cached. */
  async write<W extends V | undefined>(key: string, change: () => Promise<W>): Promise<W> {
    const operation: Operation<V> = { since: this.#bounds.now() };
    this.#entries.delete(key);
    this.#operations.set(key, operation);
    try {
      const value = await change();
      if (this.#finish(key, operation)) this.#keep(key, value);
      // Displaced: a read that began since may have seen the value before the change.
      else this.invalidate(key);
      return value;
    } catch (error) {
      // The change may have taken place.
      this.invalidate(key);
      throw error;
    }
  }

  /** Another process changed what is stored under `key`. */
  invalidate(key: string): void {
    this.#entries.delete(key);
    this.#operations.delete(key);
  }

  /** The outcome of a read, or the stale value where the store does not answer in time. */
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

  #age({ since }: Entry<V>): number {
    return this.#bounds.now() - since;
  }

  /** During a write every read asks the store, and the write decides what is cached. */
  #isWriting(key: string): boolean {
    const operation = this.#operations.get(key);
    return operation !== undefined && operation.reading === undefined;
  }

  /** Whether the operation was not displaced. */
  #finish(key: string, operation: Operation<V>): boolean {
    return this.#operations.get(key) === operation && this.#operations.delete(key);
  }

  #keep(key: string, value: V | undefined): void {
    if (value === undefined) this.#entries.delete(key);
    else this.#entries.set(key, { value, since: this.#bounds.now() });
  }
}
