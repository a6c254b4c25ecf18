import { numberAt } from '../collections/at.js';
import { indexDag, pathLengths, type Coloring, type Dag } from './Dag.js';

/** The options of `chainColoring`. */
export interface ChainOptions {
  /** The prefix of colors, such as the name of a run; missing: `chain`. */
  readonly prefix?: string | undefined;
}

/**
 * Chain coloring (Palette): splits a graph into disjoint simple paths and gives each path its own color. The nodes of a
 * path run one after the other, so running them in one place loses no time, and their data stays there. Paths that may
 * run at the same time have different colors, and so different homes.
 *
 * A path continues with at most one successor of each node and at most one predecessor. The algorithm takes edges
 * greedily: first those on the longest paths through the whole graph, which determine its duration; in a tie the
 * heavier one, which costs more to transfer; then the earlier one.
 *
 * Example: all weights are 1, except for b → d, which is 5:
 *
 *     a → b → d      the longest path through b → d has 1 + 1 + 1 + 5 + 1 = 9 of a, b and d: a → b and b → d are
 *     a → c → d      taken first. Then a has its successor and d its predecessor, so that c is alone.
 *                    Colors: chain-0 for a, b and d, chain-1 for c.
 *
 * Takes O(E log E).
 * @throws DagError
 */
export function chainColoring(dag: Dag, options: ChainOptions = {}): Coloring {
  const indexed = indexDag(dag);
  const { from, to, edgeWeights, order, ids } = indexed;
  const { before, from: onward } = pathLengths(indexed);
  const through = Float64Array.from(
    from,
    (node, e) =>
      numberAt(before, node) +
      numberAt(indexed.weights, node) +
      numberAt(edgeWeights, e) +
      numberAt(onward, numberAt(to, e)),
  );
  const edges = Int32Array.from(from, (_, e) => e).toSorted(
    (a, b) =>
      numberAt(through, b) - numberAt(through, a) || numberAt(edgeWeights, b) - numberAt(edgeWeights, a) || a - b,
  );
  const hasNext = new Uint8Array(ids.length);
  const previous = new Int32Array(ids.length).fill(-1);
  for (const edge of edges) {
    const start = numberAt(from, edge);
    const end = numberAt(to, edge);
    if (hasNext[start] === 1 || previous[end] !== -1) continue;
    hasNext[start] = 1;
    previous[end] = start;
  }
  const chain = new Int32Array(ids.length);
  let chains = 0;
  for (const node of order) {
    const before = numberAt(previous, node);
    chain[node] = before < 0 ? chains++ : numberAt(chain, before);
  }
  const prefix = options.prefix ?? 'chain';
  return new Map(ids.map((id, i) => [id, `${prefix}-${chain[i]}`]));
}
