import { increase, numberAt } from '../collections/at.js';
import { FreeWorkers } from './FreeWorkers.js';
import { ReadyNodes } from './ReadyNodes.js';
import { DagError, indexDag, pathLengths, type Coloring, type Dag } from './Dag.js';

/**
 * Assigns one of the workers 0 to `workers` - 1 to each node, by its id. Any scheduler for a fixed number of machines
 * is suitable: it does not know that its workers are colors.
 */
export type Scheduler = (dag: Dag, workers: number) => ReadonlyMap<string, number>;

/** The options of `virtualWorkers`. */
export interface WorkerOptions {
  /** The prefix of colors, such as the name of a run; missing: `worker`. */
  readonly prefix?: string | undefined;
}

/**
 * Virtual workers (Palette): runs a scheduler with virtual workers and makes each worker a color. The nodes of a worker
 * share a home. If the number of invokers differs from the number of workers, or changes, the colors move and the
 * schedule stays.
 * @param workers the number of colors.
 * @throws DagError, also if the scheduler omits a node; RangeError for less than one worker.
 */
export function virtualWorkers(
  dag: Dag,
  workers: number,
  scheduler: Scheduler = earliestFinish,
  options: WorkerOptions = {},
): Coloring {
  if (!(Number.isInteger(workers) && workers > 0))
    throw new RangeError(`'workers' must be a positive integer, not ${workers}`);
  const assigned = scheduler(dag, workers);
  const prefix = options.prefix ?? 'worker';
  const wrong: string[] = [];
  const coloring = new Map<string, string>();
  for (const { id } of dag.nodes) {
    const worker = assigned.get(id);
    if (worker === undefined || !Number.isInteger(worker) || worker < 0 || worker >= workers) wrong.push(id);
    else coloring.set(id, `${prefix}-${worker}`);
  }
  if (wrong.length > 0) throw new DagError(`the scheduler gave no worker to ${wrong.slice(0, 10).join(', ')}`, wrong);
  return coloring;
}

/**
 * List scheduling as in HEFT: the node with the longest path ahead comes first, and goes to the worker where it
 * finishes earliest. Data from another worker takes the edge's weight to arrive. Only the workers of the node's
 * predecessors and the first free worker can be that worker, so a node costs only its edges and the logarithm of the
 * number of workers. In a tie the lower number wins.
 * @throws DagError
 */
export const earliestFinish: Scheduler = (dag, workers) => {
  const indexed = indexDag(dag);
  const { ids, weights, edgeWeights, from, incoming, incomingStart, outgoing, outgoingStart, to } = indexed;
  const { from: ahead } = pathLengths(indexed);
  const missing = Int32Array.from(ids, (_, i) => numberAt(incomingStart, i + 1) - numberAt(incomingStart, i));
  const ready = new ReadyNodes(ahead);
  missing.forEach((count, i) => {
    if (count === 0) ready.add(i);
  });
  const free = new FreeWorkers(workers);
  const finish = new Float64Array(ids.length);
  const placed = new Int32Array(ids.length);
  /** For the current node: the end of its last predecessor on each worker. */
  const local = new Float64Array(workers);
  const seen = new Int32Array(workers).fill(-1);
  for (let node = ready.take(); node !== undefined; node = ready.take()) {
    const current = node;
    const edges = incoming.subarray(incomingStart[node], incomingStart[node + 1]);
    // The time at which all data has arrived on a worker without predecessors, and the same without the data from
    // `last`.
    let arrived = 0;
    let arrivedWithoutLast = 0;
    let last = -1;
    for (const edge of edges) {
      const before = numberAt(from, edge);
      const worker = numberAt(placed, before);
      const end = numberAt(finish, before);
      local[worker] = seen[worker] === current ? Math.max(numberAt(local, worker), end) : end;
      seen[worker] = node;
      const arrival = end + numberAt(edgeWeights, edge);
      if (arrival > arrived) {
        if (worker !== last) arrivedWithoutLast = arrived;
        arrived = arrival;
        last = worker;
      } else if (worker !== last) {
        arrivedWithoutLast = Math.max(arrivedWithoutLast, arrival);
      }
    }
    const startOn = (worker: number): number => {
      const carried = worker === last ? arrivedWithoutLast : arrived;
      const near = seen[worker] === current ? numberAt(local, worker) : 0;
      return Math.max(free.at(worker), near, carried);
    };
    let best = free.first;
    let bestStart = startOn(best);
    for (const edge of edges) {
      const worker = numberAt(placed, numberAt(from, edge));
      const start = startOn(worker);
      if (start < bestStart || (start === bestStart && worker < best)) {
        best = worker;
        bestStart = start;
      }
    }
    placed[node] = best;
    const end = bestStart + numberAt(weights, node);
    finish[node] = end;
    free.set(best, end);
    for (const edge of outgoing.subarray(outgoingStart[node], outgoingStart[node + 1])) {
      const next = numberAt(to, edge);
      if (increase(missing, next, -1) === 0) ready.add(next);
    }
  }
  return new Map(ids.map((id, i) => [id, numberAt(placed, i)]));
};
