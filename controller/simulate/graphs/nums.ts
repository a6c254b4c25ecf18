import type { Task, TaskGraph } from './TaskGraph.js';

/*
 * The graphs of NumS's three workloads (Elibol et al., 2022), by their algorithms: blocked matrix product, TSQR, and
 * logistic regression by Newton's method. A block is `block` × `block` (or × `columns`) doubles. Durations follow from
 * the floating-point operations at `flopsPerMs`.
 */

/** The options of all graphs of NumS. */
export interface BlockOptions {
  /** Operations per ms of a worker's core, such as 2e7 (20 GFlop/s). */
  readonly flopsPerMs: number;
}

class Builder {
  readonly tasks: Task[] = [];
  readonly #flopsPerMs: number;

  constructor({ flopsPerMs }: BlockOptions) {
    this.#flopsPerMs = flopsPerMs;
  }

  add(id: string, flops: number, doubles: number, inputs: readonly number[]): number {
    return this.tasks.push({ id, ms: flops / this.#flopsPerMs, bytes: 8 * doubles, inputs }) - 1;
  }

  /** A binary tree that adds blocks of so many doubles. */
  sum(id: string, doubles: number, parts: readonly number[]): number {
    let level = [...parts];
    for (let round = 0; level.length > 1; round++) {
      const next: number[] = [];
      for (let i = 0; i < level.length; i += 2) {
        const [a = 0, b] = level.slice(i, i + 2);
        next.push(b === undefined ? a : this.add(`${id}.sum${round}.${i / 2}`, doubles, doubles, [a, b]));
      }
      level = next;
    }
    return level[0] ?? 0;
  }
}

const grid = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** C = A · B in `blocks` × `blocks` blocks of `block` × `block`: each block of C adds `blocks` products in a tree. */
export function matrixProduct(options: BlockOptions & { readonly blocks: number; readonly block: number }): TaskGraph {
  const { blocks, block } = options;
  const size = block * block;
  const graph = new Builder(options);
  const made = (name: string): number[] =>
    grid(blocks * blocks).map((i) => graph.add(`${name}${Math.floor(i / blocks)}.${i % blocks}`, 10 * size, size, []));
  const [a, b] = [made('A'), made('B')];
  for (const i of grid(blocks)) {
    for (const j of grid(blocks)) {
      const products = grid(blocks).map((k) =>
        graph.add(`P${i}.${j}.${k}`, 2 * block ** 3, size, [a[i * blocks + k] ?? 0, b[k * blocks + j] ?? 0]),
      );
      graph.sum(`C${i}.${j}`, size, products);
    }
  }
  return { name: 'matrix product', tasks: graph.tasks };
}

/**
 * TSQR of a tall matrix of `blocks` blocks of `rows` × `columns` (indirect, as NumS does it): QR of each block, a tree
 * of QRs of stacked pairs of R, and Q = A · R⁻¹ for each block.
 */
export function tallQr(
  options: BlockOptions & { readonly blocks: number; readonly rows: number; readonly columns: number },
): TaskGraph {
  const { blocks, rows, columns } = options;
  const graph = new Builder(options);
  const square = columns * columns;
  const a = grid(blocks).map((i) => graph.add(`A${i}`, 10 * rows * columns, rows * columns, []));
  let level = a.map((block, i) => graph.add(`R0.${i}`, 2 * rows * square, square, [block]));
  for (let round = 1; level.length > 1; round++) {
    const next: number[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const pair = level.slice(i, i + 2);
      next.push(pair.length === 1 ? (pair[0] ?? 0) : graph.add(`R${round}.${i / 2}`, 4 * columns ** 3, square, pair));
    }
    level = next;
  }
  const inverse = graph.add('inverse', columns ** 3, square, level);
  a.forEach((block, i) => graph.add(`Q${i}`, 2 * rows * square, rows * columns, [block, inverse]));
  return { name: 'TSQR', tasks: graph.tasks };
}

/**
 * Logistic regression by Newton's method over `blocks` blocks of `rows` × `columns`: in each iteration a gradient and a
 * Hessian for each block, their sums in trees, and one step.
 */
export function newtonRegression(
  options: BlockOptions & {
    readonly blocks: number;
    readonly rows: number;
    readonly columns: number;
    readonly iterations: number;
  },
): TaskGraph {
  const { blocks, rows, columns, iterations } = options;
  const graph = new Builder(options);
  const square = columns * columns;
  const x = grid(blocks).map((i) => graph.add(`X${i}`, 10 * rows * columns, rows * columns, []));
  let beta = graph.add('beta0', columns, columns, []);
  for (const t of grid(iterations)) {
    const mu = x.map((block, i) => graph.add(`mu${t}.${i}`, 2 * rows * columns, rows, [block, beta]));
    const gradients = x.map((block, i) => graph.add(`g${t}.${i}`, 2 * rows * columns, columns, [block, mu[i] ?? 0]));
    const hessians = x.map((block, i) => graph.add(`h${t}.${i}`, 2 * rows * square, square, [block, mu[i] ?? 0]));
    const gradient = graph.sum(`g${t}`, columns, gradients);
    const hessian = graph.sum(`h${t}`, square, hessians);
    beta = graph.add(`beta${t + 1}`, columns ** 3, columns, [gradient, hessian, beta]);
  }
  return { name: 'Newton logistic regression', tasks: graph.tasks };
}
