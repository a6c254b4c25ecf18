import { numberAt } from '../collections/at.js';

/**
 * The time at which each worker is free, with the first free worker: a tournament tree, in which every inner node
 * contains the winner of its two children. In a tie the lower number wins.
 */
export class FreeWorkers {
  readonly #free: Float64Array;
  /**
   * The root is `#winners[1]`; the children of `i` are `2i` and `2i + 1`; the workers are at the bottom, from `#leaves`
   * on.
   */
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
    // Leaves beyond the last worker are never free.
    this.#winners[node] = (this.#free[right] ?? Infinity) < (this.#free[left] ?? Infinity) ? right : left;
  }
}
