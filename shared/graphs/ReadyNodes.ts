/** Nodes that may run, the one with the longest path ahead first: a binary heap. */
export class ReadyNodes {
  readonly #ahead: Float64Array;
  readonly #heap: number[] = [];

  /** @param ahead of each node: the length of the longest path that begins with it. */
  constructor(ahead: Float64Array) {
    this.#ahead = ahead;
  }

  add(node: number): void {
    const heap = this.#heap;
    let at = heap.push(node) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#first(heap[at] as number, heap[parent] as number)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  take(): number | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    heap[0] = last;
    for (let at = 0; ;) {
      let first = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < heap.length && this.#first(heap[child] as number, heap[first] as number)) first = child;
      }
      if (first === at) return top;
      this.#swap(at, first);
      at = first;
    }
  }

  #first(a: number, b: number): boolean {
    const difference = (this.#ahead[a] as number) - (this.#ahead[b] as number);
    return difference > 0 || (difference === 0 && a < b);
  }

  #swap(a: number, b: number): void {
    const kept = this.#heap[a] as number;
    this.#heap[a] = this.#heap[b] as number;
    this.#heap[b] = kept;
  }
}
