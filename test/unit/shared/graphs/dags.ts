import fc from 'fast-check';
import type { Coloring, Dag } from '../../../../shared/graphs/index.js';

/** A random graph: edges go from lower to higher numbers, and the nodes are given in another order. */
export const dags: fc.Arbitrary<Dag> = fc
  .tuple(
    fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 25 }),
    fc.array(fc.tuple(fc.nat(24), fc.nat(24), fc.integer({ min: 0, max: 9 })), { maxLength: 60 }),
    fc.nat(100),
  )
  .map(([weights, pairs, first]) => ({
    nodes: weights
      .map((weight, i) => ({ id: `n${i}`, weight, key: (i * 7919 + first) % 101 }))
      .toSorted((a, b) => a.key - b.key)
      .map(({ id, weight }) => ({ id, weight })),
    edges: pairs
      .map(([a, b, weight]) => ({ a: Math.min(a, b), b: Math.max(a, b), weight }))
      .filter(({ a, b }) => a !== b && b < weights.length)
      .map(({ a, b, weight }) => ({ from: `n${a}`, to: `n${b}`, weight })),
  }));

/** Layers of nodes, each of which needs a few of the layer before it. */
export function layered(nodes: number, width: number, fanIn: number): Dag {
  const list = Array.from({ length: nodes }, (_, i) => ({ id: `n${i}`, weight: 1 + (i % 7) }));
  const edges = list.slice(width).flatMap((_, at) =>
    Array.from({ length: fanIn }, (__, k) => {
      const to = at + width;
      const layer = Math.floor(to / width) - 1;
      return { from: `n${layer * width + ((to * 31 + k * 17) % width)}`, to: `n${to}`, weight: (to + k) % 5 };
    }),
  );
  return { nodes: list, edges };
}

export const colorsOf = (coloring: Coloring): Set<string> => new Set(coloring.values());

/**
 * How long the graph takes where each color is a worker that runs one node at a time, in the order of `order`, and edges
 * between colors take their weight.
 */
export function makespan(dag: Dag, coloring: Coloring, order: readonly string[]): number {
  const free = new Map<string, number>();
  const finish = new Map<string, number>();
  const weights = new Map(dag.nodes.map(({ id, weight }) => [id, weight ?? 1]));
  for (const id of order) {
    const color = coloring.get(id) as string;
    let start = free.get(color) ?? 0;
    for (const edge of dag.edges) {
      if (edge.to !== id) continue;
      const carried = coloring.get(edge.from) === color ? 0 : (edge.weight ?? 1);
      start = Math.max(start, (finish.get(edge.from) as number) + carried);
    }
    const end = start + (weights.get(id) as number);
    finish.set(id, end);
    free.set(color, end);
  }
  return Math.max(0, ...finish.values());
}
