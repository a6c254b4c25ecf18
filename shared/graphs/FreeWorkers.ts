import { numberAt } from '../collections/at.js';

/**
 * When each worker is free, and which one is first: a tournament, in which every inner node has the winner of the two
 * below it. Of workers that are free at the same time the lower number wins.
 */
export class FreeWorkers {
  readonly #free: Float64Array;
  /** The root is `#winners[1]`; below node `i` are `2i` and `2i + 1`, at the bottom the workers from `#leaves` on. */
  readonly #winners: Int32Array;
  readonly #leaves: number;

  constructor(workers: number) {
    this.#free = new Float64Array(workers);
    this.#leaves = 2 ** Math.ceil(Math.log2(workers));
    this.#winners = new Int32Array(2 * this.#leaves);
    for (let i = 0; i < this.#leaves; i++) this.#winners[this.#leaves + i] = i;
    for (let node = this.#leaves - 1; node > 0; node--) this.#decide(node);
  }

  get first(): number {
    return numberAt(this.#winners, 1);
  }

  at(worker: number): number {
    return numberAt(this.#free, worker);
  }

  set(worker: number, free: number): void {
    this.#free[worker] = free;
    for (let node = (this.#leaves + worker) >> 1; node > 0; node >>= 1) this.#decide(node);
  }

  #decide(node: number): void {
    const left = numberAt(this.#winners, 2 * node);
    const right = numberAt(this.#winners, 2 * node + 1);
    // Beyond the last worker there is nobody.
    this.#winners[node] = (this.#free[right] ?? Infinity) < (this.#free[left] ?? Infinity) ? right : left;
  }
}
