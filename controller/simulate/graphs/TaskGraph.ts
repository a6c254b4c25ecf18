import { indexDag, type Dag } from '../../../shared/graphs/Dag.js';
import { numberAt } from '../../../shared/collections/at.js';

/** A task of a graph. */
export interface Task {
  /** The name of the task, unique in its graph. */
  readonly id: string;
  /** Its duration in ms with all inputs on its worker. */
  readonly ms: number;
  /** The size of its result, in bytes. */
  readonly bytes: number;
  /** The numbers of the tasks whose results it reads. */
  readonly inputs: readonly number[];
}

/** A graph of tasks, without cycles. */
export interface TaskGraph {
  /** The name of the graph. */
  readonly name: string;
  /** The tasks by number. */
  readonly tasks: readonly Task[];
}

/** The network between workers. */
export interface Network {
  /** The time from a request for a result to its first byte, in ms. */
  readonly latencyMs: number;
  /** The bandwidth of the link of each worker, in bytes per ms. Fetches to one worker share its link. */
  readonly bandwidth: number;
  /** The time to read or write a result on its own worker. Missing: none. */
  readonly local?:
    | {
        /** The time to the first byte, in ms. */
        readonly latencyMs: number;
        /** The bandwidth in bytes per ms. */
        readonly bandwidth: number;
      }
    | undefined;
}

/**
 * The graph for `chainColoring` and schedulers: weights are ms of computation and of an undisturbed transfer.
 * @throws DagError for a cycle.
 */
export function toDag({ tasks }: TaskGraph, { latencyMs, bandwidth }: Network): Dag {
  const dag = {
    nodes: tasks.map(({ id, ms }) => ({ id, weight: ms })),
    edges: tasks.flatMap(({ id, inputs }) =>
      inputs.map((input) => ({
        from: tasks[input]?.id ?? '',
        to: id,
        weight: latencyMs + (tasks[input]?.bytes ?? 0) / bandwidth,
      })),
    ),
  };
  indexDag(dag);
  return dag;
}

/** The lower bounds on the time to run a graph. */
export interface GraphBounds {
  /** The sum of all durations, in ms. */
  readonly work: number;
  /** The longest path without transfers, in ms. No schedule is shorter. */
  readonly span: number;
}

/** Computes the work and the longest path of a graph. */
export function bounds(graph: TaskGraph): GraphBounds {
  const { order, from, incoming, incomingStart } = indexDag(toDag(graph, { latencyMs: 0, bandwidth: Infinity }));
  const ends = new Float64Array(order.length);
  let [work, span] = [0, 0];
  for (const task of order) {
    let begin = 0;
    for (const edge of incoming.subarray(incomingStart[task], incomingStart[task + 1])) {
      begin = Math.max(begin, numberAt(ends, numberAt(from, edge)));
    }
    const ms = graph.tasks[task]?.ms ?? 0;
    ends[task] = begin + ms;
    work += ms;
    span = Math.max(span, begin + ms);
  }
  return { work, span };
}
