import { at, increase, numberAt } from '../collections/at.js';

/** A step of a computation. `weight`: how long it takes, in any unit, the same as that of edges; 1 where it is missing. */
export interface DagNode {
  readonly id: string;
  readonly weight?: number | undefined;
}

/** What one node gives to another. `weight`: how long it takes to bring it to another invoker; 1 where it is missing. */
export interface DagEdge {
  readonly from: string;
  readonly to: string;
  readonly weight?: number | undefined;
}

/** A directed graph without cycles. */
export interface Dag {
  readonly nodes: readonly DagNode[];
  readonly edges: readonly DagEdge[];
}

/** The color of each node, by its id. */
export type Coloring = ReadonlyMap<string, string>;

/** What was given is no graph to color. `nodes`: the ones concerned; of a cycle, in its order from the one given first. */
export class DagError extends Error {
  override readonly name = 'DagError';
  readonly nodes: readonly string[];
  constructor(message: string, nodes: readonly string[]) {
    super(message);
    this.nodes = nodes;
  }
}

/**
 * A graph by numbers, as the algorithms want it: node `i` is `nodes[i]`, edge `e` goes from `from[e]` to `to[e]`; the edges
 * that go out of `i` are `outgoing[outgoingStart[i]]` to before `outgoing[outgoingStart[i + 1]]`, and those that come in
 * likewise.
 */
export interface IndexedDag {
  readonly ids: readonly string[];
  readonly weights: Float64Array;
  readonly from: Int32Array;
  readonly to: Int32Array;
  readonly edgeWeights: Float64Array;
  readonly outgoingStart: Int32Array;
  readonly outgoing: Int32Array;
  readonly incomingStart: Int32Array;
  readonly incoming: Int32Array;
  /** Every node after those that it needs; among those that are ready, in the order in which they were given. */
  readonly order: Int32Array;
}

/**
 * Checks a graph and numbers it.
 * @throws DagError for an id that is given twice, an edge from or to nowhere, a weight that is no number from 0 on, and a
 *   cycle, with the names of the nodes.
 */
export function indexDag(dag: Dag): IndexedDag {
  const index = new Map<string, number>();
  const twice: string[] = [];
  dag.nodes.forEach(({ id }, i) => {
    if (index.has(id)) twice.push(id);
    else index.set(id, i);
  });
  if (twice.length > 0) throw new DagError(`there is more than one node ${listed(twice)}`, twice);
  const weights = Float64Array.from(dag.nodes, ({ id, weight }) => checked(weight, `node ${id}`, [id]));
  const from = new Int32Array(dag.edges.length);
  const to = new Int32Array(dag.edges.length);
  const edgeWeights = new Float64Array(dag.edges.length);
  const dangling = new Set<string>();
  dag.edges.forEach((edge, e) => {
    const [start, end] = [index.get(edge.from), index.get(edge.to)];
    if (start === undefined) dangling.add(edge.from);
    if (end === undefined) dangling.add(edge.to);
    from[e] = start ?? 0;
    to[e] = end ?? 0;
    edgeWeights[e] = checked(edge.weight, `the edge from ${edge.from} to ${edge.to}`, [edge.from, edge.to]);
  });
  if (dangling.size > 0) {
    throw new DagError(`edges name nodes that there are none of: ${listed([...dangling])}`, [...dangling]);
  }
  const ids = dag.nodes.map(({ id }) => id);
  const [outgoingStart, outgoing] = grouped(from, ids.length);
  const [incomingStart, incoming] = grouped(to, ids.length);
  const unordered = { ids, weights, from, to, edgeWeights, outgoingStart, outgoing, incomingStart, incoming };
  return { ...unordered, order: topologicalOrder(unordered) };
}

function checked(weight: number | undefined, of: string, nodes: readonly string[]): number {
  const value = weight ?? 1;
  if (!(value >= 0 && value < Infinity)) throw new DagError(`the weight of ${of} is ${value}`, nodes);
  return value;
}

const outgoingOf = ({ outgoing, outgoingStart }: Omit<IndexedDag, 'order'>, node: number): Int32Array =>
  outgoing.subarray(outgoingStart[node], outgoingStart[node + 1]);

/** The edges by one of their ends: where each node's begin, and the edges in that order. */
function grouped(ends: Int32Array, nodes: number): [starts: Int32Array, edges: Int32Array] {
  const starts = new Int32Array(nodes + 1);
  for (const end of ends) increase(starts, end + 1);
  for (let i = 0; i < nodes; i++) increase(starts, i + 1, numberAt(starts, i));
  const next = starts.slice();
  const edges = new Int32Array(ends.length);
  ends.forEach((end, e) => (edges[increase(next, end) - 1] = e));
  return [starts, edges];
}

function topologicalOrder(dag: Omit<IndexedDag, 'order'>): Int32Array {
  const count = dag.ids.length;
  const missing = new Int32Array(count);
  for (const end of dag.to) increase(missing, end);
  const order = new Int32Array(count);
  let filled = 0;
  for (let i = 0; i < count; i++) if (missing[i] === 0) order[filled++] = i;
  for (let done = 0; done < filled; done++) {
    const node = numberAt(order, done);
    for (const edge of outgoingOf(dag, node)) {
      const next = numberAt(dag.to, edge);
      if (increase(missing, next, -1) === 0) order[filled++] = next;
    }
  }
  if (filled < count) {
    const cycle = findCycle(dag, missing);
    throw new DagError(`there is a cycle: ${listed([...cycle, at(cycle, 0)], ' → ')}`, cycle);
  }
  return order;
}

/** A cycle among the nodes that miss something: each of them has one before it that does too. */
function findCycle(dag: Omit<IndexedDag, 'order'>, missing: Int32Array): string[] {
  const path: number[] = [];
  const position = new Map<number, number>();
  let node = missing.findIndex((count) => count > 0);
  while (!position.has(node)) {
    position.set(node, path.length);
    path.push(node);
    const edges = dag.incoming.subarray(dag.incomingStart[node], dag.incomingStart[node + 1]);
    const missed = edges.findIndex((e) => numberAt(missing, numberAt(dag.from, e)) > 0);
    node = numberAt(dag.from, numberAt(edges, missed));
  }
  const cycle = path.slice(position.get(node)).toReversed();
  const first = cycle.indexOf(cycle.reduce((least, one) => Math.min(least, one)));
  return [...cycle.slice(first), ...cycle.slice(0, first)].map((i) => at(dag.ids, i));
}

/** Names for a message; of many the first ones. */
function listed(names: readonly string[], separator = ', '): string {
  const shown = names.slice(0, 10).join(separator);
  return names.length > 10 ? `${shown}${separator}… (${names.length} in all)` : shown;
}

/** For each node the length of the longest path that ends before it, and of the longest that begins with it. */
export function pathLengths(dag: IndexedDag): { readonly before: Float64Array; readonly from: Float64Array } {
  const { order, weights, edgeWeights } = dag;
  const before = new Float64Array(order.length);
  const onward = new Float64Array(order.length);
  for (const node of order) {
    const end = numberAt(before, node) + numberAt(weights, node);
    for (const edge of outgoingOf(dag, node)) {
      const next = numberAt(dag.to, edge);
      before[next] = Math.max(numberAt(before, next), end + numberAt(edgeWeights, edge));
    }
  }
  for (let i = order.length - 1; i >= 0; i--) {
    const node = numberAt(order, i);
    let longest = 0;
    for (const edge of outgoingOf(dag, node)) {
      longest = Math.max(longest, numberAt(edgeWeights, edge) + numberAt(onward, numberAt(dag.to, edge)));
    }
    onward[node] = longest + numberAt(weights, node);
  }
  return { before, from: onward };
}
