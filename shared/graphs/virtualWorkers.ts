import { increase, numberAt } from '../collections/at.js';
import { FreeWorkers } from './FreeWorkers.js';
import { ReadyNodes } from './ReadyNodes.js';
import { DagError, indexDag, pathLengths, type Coloring, type Dag } from './Dag.js';

/**
 * Says for each node, by its id, which of the workers 0 to `workers` - 1 runs it. Any scheduler for a fixed number of
 * machines will do: it never learns that its workers are colors.
 */
export type Scheduler = (dag: Dag, workers: number) => ReadonlyMap<string, number>;

export interface WorkerOptions {
  /** What colors begin with, such as the name of a run; `worker` where it is missing. */
  readonly prefix?: string | undefined;
}

/**
 * Virtual workers (Palette): runs a scheduler over workers that there are none of, and makes each worker a color. What the
 * scheduler puts on one worker meets one home, and where the platform has fewer invokers than workers, or more, or loses
 * one, the colors move and the schedule need not.
 * @param workers how many colors there may be.
 * @throws DagError, also where the scheduler forgets a node; RangeError for less than one worker.
 */
export function virtualWorkers(
  dag: Dag,
  workers: number,
  scheduler: Scheduler = earliestFinish,
  options: WorkerOptions = {},
): Coloring {
  if (!(Number.isInteger(workers) && workers > 0)) throw new RangeError(`there can be no ${workers} workers`);
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
 * List scheduling as in HEFT: the node with the longest path ahead of it comes first, and goes to the worker where it is
 * finished earliest, given that what comes from another worker takes the edge's weight to arrive. Only the workers of its
 * predecessors, and the one that is free earliest, can be that one, so that a node costs no more than its edges and, by
 * the logarithm of their number, the workers. Of equal ones among these the lower number.
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
  /** Of the node at hand: when the last of its predecessors on a worker is finished, where there are any. */
  const local = new Float64Array(workers);
  const seen = new Int32Array(workers).fill(-1);
  for (let node = ready.take(); node !== undefined; node = ready.take()) {
    const current = node;
    const edges = incoming.subarray(incomingStart[node], incomingStart[node + 1]);
    // When everything has arrived on a worker without a predecessor, and when all but what comes from `last` has.
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
