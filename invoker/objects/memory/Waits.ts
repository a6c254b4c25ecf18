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
  readonly #byPlace = new Map<string, Set<Wait<T>>>();
  readonly #ofNamespace = new Map<string, number>();
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
   * @throws ObjectError 429
   */
  add(namespace: string, place: string, isOver: (value: T) => boolean, wake: (value: T) => void): () => void {
    const own = this.#ofNamespace.get(namespace) ?? 0;
    if (own >= this.#bounds.ofNamespace) {
      throw new ObjectError(429, `The namespace has ${own} waiting requests, the most for one.`, { retryAfterS: 1 });
    }
    if (this.#size >= this.#bounds.total) {
      throw new ObjectError(503, 'Too many requests wait for objects of this invoker.', { retryAfterS: 1 });
    }
    const wait: Wait<T> = { namespace, isOver, wake };
    let waits = this.#byPlace.get(place);
    if (!waits) this.#byPlace.set(place, (waits = new Set()));
    waits.add(wait);
    this.#size++;
    this.#ofNamespace.set(namespace, own + 1);
    return () => this.#remove(place, wait);
  }

  /** Tells the waits at a place about its new value. */
  changed(place: string, value: T): void {
    const waits = this.#byPlace.get(place);
    if (!waits) return;
    // A woken request may change the object again: take the waits out first.
    const over = [...waits].filter((wait) => wait.isOver(value));
    for (const wait of over) this.#remove(place, wait);
    for (const wait of over) wait.wake(value);
  }

  #remove(place: string, wait: Wait<T>): void {
    const waits = this.#byPlace.get(place);
    if (!waits?.delete(wait)) return;
    if (waits.size === 0) this.#byPlace.delete(place);
    this.#size--;
    const own = (this.#ofNamespace.get(wait.namespace) ?? 1) - 1;
    if (own === 0) this.#ofNamespace.delete(wait.namespace);
    else this.#ofNamespace.set(wait.namespace, own);
  }
}
