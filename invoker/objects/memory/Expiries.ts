/** The resolution of expiries in ms: a timer of this interval ends objects at most so late. */
export const EXPIRY_MS = 50;

/** Items by the time of their end, in steps of `EXPIRY_MS`. */
export class Expiries<T> {
  readonly #steps = new Map<number, Set<T>>();
  /** All earlier steps are empty. */
  #first = Number.POSITIVE_INFINITY;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(item: T, at: number): void {
    const step = stepOf(at);
    let items = this.#steps.get(step);
    if (!items) this.#steps.set(step, (items = new Set()));
    if (items.has(item)) return;
    items.add(item);
    this.#size++;
    this.#first = Math.min(this.#first, step);
  }

  /** Removes an item that was added with this time. */
  remove(item: T, at: number): void {
    const step = stepOf(at);
    const items = this.#steps.get(step);
    if (!items?.delete(item)) return;
    this.#size--;
    if (items.size === 0) this.#steps.delete(step);
  }

  /** Removes and returns the items whose time has come. */
  due(now: number): T[] {
    // An item ends after its step, so that it is never early.
    const last = Math.floor(now / EXPIRY_MS);
    if (this.#first > last) return [];
    const due: T[] = [];
    const take = (step: number): void => {
      for (const item of this.#steps.get(step) ?? []) due.push(item);
      this.#steps.delete(step);
    };
    if (last - this.#first > this.#steps.size) {
      for (const step of [...this.#steps.keys()].toSorted((a, b) => a - b)) if (step <= last) take(step);
    } else {
      for (let step = this.#first; step <= last; step++) take(step);
    }
    this.#size -= due.length;
    this.#first = this.#size === 0 ? Number.POSITIVE_INFINITY : last + 1;
    return due;
  }
}

const stepOf = (at: number): number => Math.ceil(at / EXPIRY_MS);
