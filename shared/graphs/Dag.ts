import { at, increase, numberAt } from '../collections/at.js';

/** A step of a computation. */
export interface DagNode {
  /** The name of the node, unique in its graph. */
  readonly id: string;
  /** The duration of the node, in the unit of all weights. Missing: 1. */
  readonly weight?: number | undefined;
}

/** Data from one node to another. */
export interface DagEdge {
  /** The id of the node that makes the data. */
  readonly from: string;
  /** The id of the node that needs the data. */
  readonly to: string;
  /** The duration of a transfer of the data to another invoker, in the unit of all weights. Missing: 1. */
  readonly weight?: number | undefined;
}

/** A directed graph without cycles. */
export interface Dag {
  /** All nodes, in any order. */
  readonly nodes: readonly DagNode[];
  /** All edges, in any order. Both ends of an edge are nodes of the graph. */
  readonly edges: readonly DagEdge[];
}

/** The color of each node by id. */
export type Coloring = ReadonlyMap<string, string>;

/** The graph is invalid. */
export class DagError extends Error {
  /** The name of the class. */
  override readonly name = 'DagError';
  /** The ids of the faulty nodes. A cycle is in its order, and begins with the node that was given first. */
  readonly nodes: readonly string[];
  constructor(message: string, nodes: readonly string[]) {
    super(message);
    this.nodes = nodes;
  }
}

/**
 * A graph with numbers for nodes and edges. Node `i` is `nodes[i]`; edge `e` goes from `from[e]` to `to[e]`. The
 * outgoing edges of `i` are `outgoing[outgoingStart[i]]` up to before `outgoing[outgoingStart[i + 1]]`; incoming edges
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
  /** A topological order. Nodes that are ready at the same time are in the given order. */
  readonly order: Int32Array;
}

/**
 * Checks a graph and numbers its nodes and edges.
 * @throws DagError with the names of the nodes: for a duplicate id, an edge with an unknown node, a weight that is
 * negative or
 *   not a finite number, and a cycle.
 */
export function indexDag(dag: Dag): IndexedDag {
  const index = new Map<string, number>();
  const twice: string[] = [];
  dag.nodes.forEach(({ id }, i) => {
    if (index.has(id)) twice.push(id);
    else index.set(id, i);
  });
  if (twice.length > 0) throw new DagError(`duplicate nodes: ${listed(twice)}`, twice);
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
    throw new DagError(`edges name unknown nodes: ${listed([...dangling])}`, [...dangling]);
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

/** Groups the edges by one of their ends: the start index of each node, and the edges in that order. */
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
    throw new DagError(`the graph has a cycle: ${listed([...cycle, at(cycle, 0)], ' → ')}`, cycle);
  }
  return order;
}

/** Finds a cycle among nodes that each have a predecessor among them. */
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

/** A list of names for a message, at most 10. */
function listed(names: readonly string[], separator = ', '): string {
  const shown = names.slice(0, 10).join(separator);
  return names.length > 10 ? `${shown}${separator}… (${names.length} in all)` : shown;
}

/** For each node the lengths of the longest path that ends before it and of the longest path that starts with it. */
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
