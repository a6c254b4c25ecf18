/** Of what a cache holds at most, by weight, and for how long. */
export interface CacheBounds<V> {
  /** The sum of the weights of what is kept; the least recently used goes first. */
  readonly maxWeight: number;
  weigh(value: V): number;
  /** How long a value is good, in ms. */
  readonly maxAgeMs: number;
  /** Milliseconds, monotonic. */
  now(): number;
}

interface Entry<V> {
  readonly value: V;
  readonly weight: number;
  readonly since: number;
}

/** A read or a write under way. The one that is registered last for a key decides what is cached, unless it is displaced. */
interface Operation<V> {
  readonly reading?: Promise<V | undefined>;
}

/**
 * Keeps what was read from a store, by key. Reads of one key that overlap share one look at the store. A value that was
 * read before a change was heard of is never kept after it: a change displaces the reads and writes that are under way,
 * and what is displaced may answer its callers but is not cached. Nothing is kept of what is missing.
 */
export class ReadThroughCache<V> {
  readonly #bounds: CacheBounds<V>;
  /** In the order of their last use. */
  readonly #entries = new Map<string, Entry<V>>();
  readonly #operations = new Map<string, Operation<V>>();
  #weight = 0;

  constructor(bounds: CacheBounds<V>) {
    this.#bounds = bounds;
  }

  /** What is cached; undefined where nothing is, or it is too old. */
  peek(key: string): V | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    if (this.#bounds.now() - entry.since > this.#bounds.maxAgeMs) {
      this.#drop(key);
      return undefined;
    }
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.value;
  }

  /** What is cached, or what `load` resolves to. */
  get(key: string, load: () => Promise<V | undefined>): Promise<V | undefined> {
    const cached = this.peek(key);
    if (cached !== undefined) return Promise.resolve(cached);
    return this.#operations.get(key)?.reading ?? this.reload(key, load);
  }

  /** What `load`, begun now, resolves to; it replaces what is cached. */
  async reload(key: string, load: () => Promise<V | undefined>): Promise<V | undefined> {
    const reading = load();
    if (this.#isWriting(key)) return reading;
    const operation: Operation<V> = { reading };
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

  /** Runs a change of what is stored under `key`; what it resolves to is cached. While and after it nothing older is. */
  async write<W extends V | undefined>(key: string, change: () => Promise<W>): Promise<W> {
    const operation: Operation<V> = {};
    this.#drop(key);
    this.#operations.set(key, operation);
    try {
      const value = await change();
      if (this.#finish(key, operation)) this.#keep(key, value);
      // Displaced: a read that has begun since may have seen what was there before.
      else this.invalidate(key);
      return value;
    } catch (error) {
      // Nobody knows whether the change took place.
      this.invalidate(key);
      throw error;
    }
  }

  /** Somebody else changed what is stored under `key`. */
  invalidate(key: string): void {
    this.#drop(key);
    this.#operations.delete(key);
  }

  /** While a write is under way the store is asked each time, and the writer decides what is kept. */
  #isWriting(key: string): boolean {
    const operation = this.#operations.get(key);
    return operation !== undefined && operation.reading === undefined;
  }

  /** Whether the operation was still the one that decides. */
  #finish(key: string, operation: Operation<V>): boolean {
    return this.#operations.get(key) === operation && this.#operations.delete(key);
  }

  #keep(key: string, value: V | undefined): void {
    this.#drop(key);
    if (value === undefined) return;
    const weight = this.#bounds.weigh(value);
    if (weight > this.#bounds.maxWeight) return;
    this.#entries.set(key, { value, weight, since: this.#bounds.now() });
    this.#weight += weight;
    for (const oldest of this.#entries.keys()) {
      if (this.#weight <= this.#bounds.maxWeight) break;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#weight -= entry.weight;
    this.#entries.delete(key);
  }
}
