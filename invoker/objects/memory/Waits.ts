import { ObjectError } from '../../../shared/objects/ObjectError.js';

export interface WaitBounds {
  /** The most waits of all namespaces, and of one. */
  readonly total: number;
  readonly ofNamespace: number;
}

export const WAIT_BOUNDS: WaitBounds = { total: 20_000, ofNamespace: 5000 };

/** A request that waits for a change of one object. */
interface Wait<T> {
  readonly namespace: string;
  readonly isOver: (value: T) => boolean;
  readonly wake: (value: T) => void;
}

/** The requests that wait for a change, by the place of their object. Has no clock: the caller ends late ones. */
export class Waits<T> {
  readonly #bounds: WaitBounds;
  readonly #byPlace = new Groups<Wait<T>>();
  readonly #byNamespace = new Groups<Wait<T>>();
  #size = 0;

  constructor(bounds: WaitBounds = WAIT_BOUNDS) {
    this.#bounds = bounds;
  }

  get size(): number {
    return this.#size;
  }

  /**
   * Calls `wake` once, at the first change after which `isOver`.
   * @returns a function that ends the wait without a call.
   * @throws ObjectError 429, 503
   */
  add(namespace: string, place: string, isOver: (value: T) => boolean, wake: (value: T) => void): () => void {
    const own = this.#byNamespace.of(namespace).size;
    if (own >= this.#bounds.ofNamespace) {
      throw new ObjectError(429, `The namespace has ${own} waiting requests, the most for one.`, { retryAfterS: 1 });
    }
    if (this.#size >= this.#bounds.total) {
      throw new ObjectError(503, 'Too many requests wait for objects of this invoker.', { retryAfterS: 1 });
    }
    const wait: Wait<T> = { namespace, isOver, wake };
    this.#byPlace.add(place, wait);
    this.#byNamespace.add(namespace, wait);
    this.#size++;
    return () => this.#remove(place, wait);
  }

  /** Tells the waits at a place about its new value. */
  changed(place: string, value: T): void {
    // A woken request may change the object again: take the waits out first.
    const over = [...this.#byPlace.of(place)].filter((wait) => wait.isOver(value));
    for (const wait of over) this.#remove(place, wait);
    for (const wait of over) wait.wake(value);
  }

  #remove(place: string, wait: Wait<T>): void {
    if (!this.#byPlace.delete(place, wait)) return;
    this.#byNamespace.delete(wait.namespace, wait);
    this.#size--;
  }
}

/** Items in groups by name. A group without items is forgotten. */
class Groups<T> {
  readonly #groups = new Map<string, Set<T>>();

  of(name: string): ReadonlySet<T> {
    return this.#groups.get(name) ?? NONE;
  }

  add(name: string, item: T): void {
    const group = this.#groups.get(name);
    if (group) group.add(item);
    else this.#groups.set(name, new Set([item]));
  }

  /** @returns whether the item was in the group. */
  delete(name: string, item: T): boolean {
    const group = this.#groups.get(name);
    if (!group?.delete(item)) return false;
    if (group.size === 0) this.#groups.delete(name);
    return true;
  }
}

const NONE: ReadonlySet<never> = new Set();
