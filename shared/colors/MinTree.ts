/**
 * A list of numbers that finds its smallest one. A change and a search take a few steps for a thousand numbers: each inner
 * node of a binary tree contains the smaller one of its two children.
 *
 * Example: the numbers are 4, 2, 7 and 2. The nodes above them contain 2 and 2, and the root contains 2. A search from
 * index 2 on climbs from 7 to its parent, which contains the root's 2, and finds index 3. A search from 0 on finds 1.
 */
export class MinTree {
  readonly #length: number;
  /** The number of leaves: a power of two. Those after the list contain Infinity. */
  readonly #leaves: number;
  /** The root is at 1, the children of node n are at 2n and 2n + 1. */
  readonly #nodes: Float64Array;

  constructor(numbers: ArrayLike<number>) {
    this.#length = numbers.length;
    this.#leaves = 2 ** Math.ceil(Math.log2(Math.max(1, numbers.length)));
    this.#nodes = new Float64Array(2 * this.#leaves).fill(Infinity);
    this.#nodes.set(numbers, this.#leaves);
    for (let node = this.#leaves - 1; node > 0; node--) this.#nodes[node] = this.#lesserChild(node);
  }

  set(index: number, value: number): void {
    const nodes = this.#nodes;
    let node = this.#leaves + index;
    nodes[node] = value;
    while (node > 1) {
      node >>= 1;
      const lesser = this.#lesserChild(node);
      if (lesser === nodes[node]) return;
      nodes[node] = lesser;
    }
  }

  /**
   * The index of the smallest number; of equal ones the first from `start` on, and then from the beginning.
   * @returns undefined for an empty list.
   */
  least(start: number): number | undefined {
    if (this.#length === 0) return undefined;
    const nodes = this.#nodes;
    const least = nodes[1];
    let node = this.#leaves + start;
    if (nodes[node] !== least) {
      // Climb until a subtree on the right contains it.
      while (node > 1 && ((node & 1) === 1 || nodes[node + 1] !== least)) node >>= 1;
      if (node > 1) node++;
    }
    while (node < this.#leaves) node = nodes[2 * node] === least ? 2 * node : 2 * node + 1;
    return node - this.#leaves;
  }

  #lesserChild(node: number): number {
    return Math.min(this.#nodes[2 * node] ?? Infinity, this.#nodes[2 * node + 1] ?? Infinity);
  }
}
