import { earliestFinish } from '../../../shared/graphs/virtualWorkers.js';
import type { Coloring } from '../../../shared/graphs/Dag.js';
import { at } from '../../../shared/collections/at.js';
import type { ColorRequest } from '../../loadbalancer/LoadBalancer.js';
import { Placement, type PlacementOptions } from '../engine/Placement.js';
import type { GraphPlacement } from './GraphPlacement.js';
import { toDag, type Network, type TaskGraph } from './TaskGraph.js';

/** A worker at random for each task, whether it is busy or not. */
export const randomWorker = (workers: number, random: () => number): GraphPlacement => ({
  place: () => Math.floor(random() * workers),
});

/** The workers in turn, whether they are busy or not. */
export function nextWorker(workers: number): GraphPlacement {
  let turn = 0;
  return { place: () => turn++ % workers };
}

/** As `order` says, but passes over busy workers while another one is idle. */
export const idleFirst = (workers: number, order: GraphPlacement): GraphPlacement => ({
  place: (task, now, state) => {
    const first = order.place(task, now, state);
    for (let step = 0; step < workers; step++) {
      const worker = (first + step) % workers;
      if (state.idle(worker)) return worker;
    }
    return first;
  },
});

/** The worker with the fewest tasks that were placed and have not ended; of equal ones a random one (JSQ). */
export const shortestQueue = (workers: number, random: () => number): GraphPlacement => ({
  place: (_task, _now, state) => {
    const first = Math.floor(random() * workers);
    let best = first;
    for (let step = 1; step < workers; step++) {
      const worker = (first + step) % workers;
      if (state.load(worker) < state.load(best)) best = worker;
    }
    return best;
  },
});

/** Of two random workers the one with fewer tasks that were placed and have not ended (Mitzenmacher, 2001). */
export const twoRandomWorkers = (workers: number, random: () => number): GraphPlacement => ({
  place: (_task, _now, state) => {
    const [one, other] = [Math.floor(random() * workers), Math.floor(random() * workers)];
    return state.load(other) < state.load(one) ? other : one;
  },
});

/**
 * OFC's rule (Mvondo et al., EuroSys'21): a task runs where its input is. Of several inputs the largest one decides. A
 * task without inputs runs at random.
 */
export const whereTheInputIs = (graph: TaskGraph, workers: number, random: () => number): GraphPlacement => ({
  place: (task, _now, state) => {
    const { inputs } = at(graph.tasks, task);
    const size = (input: number): number => at(graph.tasks, input).bytes;
    const [first, ...others] = inputs;
    if (first === undefined) return Math.floor(random() * workers);
    return state.workerOf(others.reduce((most, one) => (size(one) > size(most) ? one : most), first));
  },
});

/**
 * A scheduler of its own machines that knows all durations and sizes in advance: `earliestFinish` over the workers'
 * slots. To be simulated with `prefetch`.
 */
export function informed(graph: TaskGraph, workers: readonly number[], network: Network): GraphPlacement {
  const slots = workers.flatMap((count, worker) => Array.from({ length: count }, () => worker));
  const chosen = earliestFinish(toDag(graph, network), slots.length);
  return { place: (task) => at(slots, chosen.get(at(graph.tasks, task).id) ?? 0) };
}

/**
 * A placement whose results are at homes by consistent hashing of the tasks: a cache over all workers that is oblivious
 * of colors, as Faa$T (Romero et al., SoCC'21). For `results: 'at home'`.
 */
export function hashedHomes(
  graph: TaskGraph,
  workers: readonly number[],
  placement: GraphPlacement,
  seed: number,
): GraphPlacement {
  const own = new Map(graph.tasks.map(({ id }) => [id, id]));
  const hashed = new ColoredPlacement(graph, own, workers, { policy: 'consistent-hashing' }, seed);
  return {
    place: (task, now, state) => placement.place(task, now, state),
    ended: (task, worker, tookMs, now) => placement.ended?.(task, worker, tookMs, now),
    homeOf: (task, now) => hashed.homeOf(task, now),
  };
}

/** The options of `ColoredPlacement`. */
export interface ColoredPlacementOptions extends PlacementOptions {
  /**
   * The patience that each invocation names, as `runDag` does with `colorPatienceMs`: the balancer takes it as it is.
   * Missing: `patienceMs`, which the balancer limits by what leaving the home costs.
   */
  readonly requestPatienceMs?: number | undefined;
}

/** The shipped balancer places each task by its color. */
export class ColoredPlacement implements GraphPlacement {
  readonly #balancer: Placement;
  readonly #requests: readonly ColorRequest[];
  readonly #expected: Float64Array;
  #ticked = 0;

  /** @param workers the slots of each worker. */
  constructor(
    graph: TaskGraph,
    coloring: Coloring,
    workers: readonly number[],
    options: ColoredPlacementOptions,
    seed: number,
  ) {
    this.#balancer = new Placement(['task'], options, seed);
    this.#balancer.join(workers, 0);
    // The prefix makes the homes of each seed different.
    const patienceMs = options.requestPatienceMs;
    this.#requests = graph.tasks.map(({ id }) => ({ value: `${seed}/${coloring.get(id) ?? id}`, patienceMs }));
    this.#expected = new Float64Array(graph.tasks.length);
  }

  place(task: number, now: number): number {
    while (now - this.#ticked >= 1000) this.#balancer.tick((this.#ticked += 1000));
    const placed = this.#balancer.place(0, this.#requests[task], now);
    if (!placed) throw new Error('no worker is up');
    this.#expected[task] = placed.expectedMs;
    return placed.worker;
  }

  homeOf(task: number, now: number): number {
    const home = this.#balancer.homeOf(at(this.#requests, task), now);
    if (home === undefined) throw new Error('no worker is up');
    return home;
  }

  ended(task: number, worker: number, tookMs: number, now: number): void {
    this.#balancer.release(0, worker, this.#expected[task] ?? 0, tookMs, now);
  }
}
