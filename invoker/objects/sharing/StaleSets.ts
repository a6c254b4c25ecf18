import type { Peer } from '../../../shared/objects/Locate.js';
import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';
import { colorKey } from './colorKey.js';

/** A set of copies that is out of date. */
export interface StaleSet {
  /** The invoker that keeps it. */
  readonly at: Peer;
  readonly namespace: ObjectNamespace;
  readonly color: string;
  /** Of a later set. */
  readonly epoch: number;
}

/** The pause after the first attempt to tell an invoker, in ms. It doubles with each one. */
const PAUSE_MS = 5000;
/** The most attempts: about ten minutes. Then the copies stay until their memory is needed. */
const ATTEMPTS = 8;
const MAX_SETS = 10_000;
/** The most sets to tell of in one call of `tend`. */
const MOST_AT_ONCE = 100;

/**
 * Sets of copies whose invokers did not answer when they were told that the sets are out of date. Nobody uses these copies any more, but
 * they take memory.
 */
export class StaleSets {
  readonly #forget: (set: StaleSet) => Promise<boolean>;
  readonly #now: () => number;
  /** By invoker and color, in the order of their latest attempts. */
  readonly #sets = new Map<string, { readonly set: StaleSet; readonly attempts: number; readonly dueAt: number }>();
  #tending = false;

  /**
   * @param forget tells an invoker; resolves to whether it has been told, or is dead. A rejection counts as no.
   * @param now in ms; never decreases.
   */
  constructor(forget: (set: StaleSet) => Promise<boolean>, now: () => number) {
    this.#forget = forget;
    this.#now = now;
  }

  get size(): number {
    return this.#sets.size;
  }

  add(set: StaleSet): void {
    this.#keep(set, 0, this.#now());
  }

  /** Tells the invokers again whose time it is. To be called each second. Never rejects. */
  async tend(): Promise<void> {
    if (this.#tending) return;
    this.#tending = true;
    const time = this.#now();
    const due = [...this.#sets].filter(([, { dueAt }]) => dueAt <= time).slice(0, MOST_AT_ONCE);
    await Promise.all(
      due.map(async ([place, entry]) => {
        const told = await this.#forget(entry.set).catch(() => false);
        // A later set is out of date meanwhile.
        if (this.#sets.get(place) !== entry) return;
        this.#sets.delete(place);
        const attempts = entry.attempts + 1;
        if (!told && attempts < ATTEMPTS) this.#keep(entry.set, attempts, this.#now() + PAUSE_MS * 2 ** entry.attempts);
      }),
    );
    this.#tending = false;
  }

  #keep(set: StaleSet, attempts: number, dueAt: number): void {
    const place = `${set.at.url}\n${colorKey(set.namespace, set.color)}`;
    this.#sets.delete(place);
    this.#sets.set(place, { set, attempts, dueAt });
    const [oldest] = this.#sets.keys();
    if (this.#sets.size > MAX_SETS && oldest !== undefined) this.#sets.delete(oldest);
  }
}
