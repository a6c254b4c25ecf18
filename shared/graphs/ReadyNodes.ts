import { at, numberAt } from '../collections/at.js';

/** A binary heap of ready nodes, the one with the longest path ahead first. */
export class ReadyNodes {
  readonly #ahead: Float64Array;
  readonly #heap: number[] = [];

  /** @param ahead for each node the length of the longest path that starts with it. */
  constructor(ahead: Float64Array) {
    this.#ahead = ahead;
  }

  add(node: number): void {
    const heap = this.#heap;
    let index = heap.push(node) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#first(at(heap, index), at(heap, parent))) return;
      this.#swap(index, parent);
      index = parent;
    }
  }

  take(): number | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    heap[0] = last;
    for (let index = 0; ;) {
      let first = index;
      for (const child of [2 * index + 1, 2 * index + 2]) {
        if (child < heap.length && this.#first(at(heap, child), at(heap, first))) first = child;
      }
      if (first === index) return top;
      this.#swap(index, first);
      index = first;
    }
  }

  #first(a: number, b: number): boolean {
    const difference = numberAt(this.#ahead, a) - numberAt(this.#ahead, b);
    return difference > 0 || (difference === 0 && a < b);
  }

  #swap(a: number, b: number): void {
    const kept = at(this.#heap, a);
    this.#heap[a] = at(this.#heap, b);
    this.#heap[b] = kept;
  }
}
