import { DagError, type DagEdge, type DagNode } from './Dag.js';

/** A node of a graph with the color that it runs on. */
export interface Placed {
  /** The id of the node. */
  readonly id: string;
  /** The color of the node. */
  readonly color: string;
}

/** A part of a graph that moves data between colors. Add its nodes, edges and colors to those of your graph. */
export interface Collective {
  /** The nodes to add. Their actions combine or split data: see each function. */
  readonly nodes: readonly DagNode[];
  /** The edges to add: between the added nodes, and to the nodes of your graph. */
  readonly edges: readonly DagEdge[];
  /** The colors of the added nodes. */
  readonly coloring: ReadonlyMap<string, string>;
  /**
   * The number of objects that go from one color to another, if results are passed by reference (`references` of
   * `runDag`) and an invoker keeps what it has fetched.
   */
  readonly remoteMessages: number;
}

/**
 * One result for many nodes. Each color fetches it once, so the number of messages is the number of other colors, and
 * not of nodes. Adds no nodes.
 * @throws DagError for a duplicate target.
 */
export function broadcast(source: Placed, targets: readonly Placed[]): Collective {
  requireDistinct([source, ...targets]);
  const colors = new Set(targets.map(({ color }) => color));
  colors.delete(source.color);
  return {
    nodes: [],
    edges: targets.map(({ id }) => ({ from: source.id, to: id })),
    coloring: new Map(),
    remoteMessages: colors.size,
  };
}

/**
 * Many results become one. On each color a node `${target.id}/combine/COLOR` combines the results of that color; the
 * target combines these. The number of messages is the number of other colors, and not of nodes.
 *
 * The action of the added nodes must be associative: it combines some results into one of the same form.
 * @throws DagError for a duplicate source.
 */
export function reduce(sources: readonly Placed[], target: Placed): Collective {
  requireDistinct([...sources, target]);
  const nodes: DagNode[] = [];
  const edges: DagEdge[] = [];
  const coloring = new Map<string, string>();
  const byColor = groups(sources);
  for (const [color, ids] of byColor) {
    const [only, ...more] = ids;
    if (only === undefined) continue;
    // One result needs no combination, and results on the target's color need no message.
    if (more.length === 0 || color === target.color) {
      edges.push(...ids.map((id) => ({ from: id, to: target.id })));
      continue;
    }
    const id = `${target.id}/combine/${color}`;
    nodes.push({ id });
    coloring.set(id, color);
    edges.push(...ids.map((from) => ({ from, to: id })), { from: id, to: target.id });
  }
  const remoteMessages = byColor.size - (byColor.has(target.color) ? 1 : 0);
  return { nodes, edges, coloring, remoteMessages };
}

/**
 * Each of many nodes sends a part of its result to each of many others. For each pair of colors a node
 * `${name}/FROM/TO` collects the parts of all nodes of one color for all nodes of the other, so that the number of
 * messages is that of the ordered pairs of different colors, and not of pairs of nodes. It runs on the color that it
 * collects from.
 *
 * The action of the added nodes gets whole results, and returns the parts for the nodes of its second color.
 * @param name unique in the graph.
 * @throws DagError for a duplicate node.
 */
export function shuffle(name: string, senders: readonly Placed[], receivers: readonly Placed[]): Collective {
  requireDistinct([...senders, ...receivers]);
  const nodes: DagNode[] = [];
  const edges: DagEdge[] = [];
  const coloring = new Map<string, string>();
  let remoteMessages = 0;
  const to = groups(receivers);
  for (const [fromColor, fromIds] of groups(senders)) {
    for (const [toColor, toIds] of to) {
      const id = `${name}/${fromColor}/${toColor}`;
      nodes.push({ id });
      coloring.set(id, fromColor);
      edges.push(
        ...fromIds.map((from) => ({ from, to: id })),
        ...toIds.map((receiver) => ({ from: id, to: receiver })),
      );
      if (fromColor !== toColor) remoteMessages++;
    }
  }
  return { nodes, edges, coloring, remoteMessages };
}

/** The ids of the nodes of each color, in their order. */
function groups(nodes: readonly Placed[]): Map<string, string[]> {
  const byColor = new Map<string, string[]>();
  for (const { id, color } of nodes) {
    const ids = byColor.get(color);
    if (ids) ids.push(id);
    else byColor.set(color, [id]);
  }
  return byColor;
}

function requireDistinct(nodes: readonly Placed[]): void {
  const seen = new Set<string>();
  for (const { id } of nodes) {
    if (seen.has(id)) throw new DagError(`the node ${id} is a duplicate`, [id]);
    seen.add(id);
  }
}
