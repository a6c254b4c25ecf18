import { at, increase, numberAt } from '../../../shared/collections/at.js';
import { EventHeap } from '../engine/EventHeap.js';
import { ObjectCaches } from '../engine/ObjectCaches.js';
import type { GraphPlacement, WorkersState } from './GraphPlacement.js';
import type { Network, TaskGraph } from './TaskGraph.js';

/*
 * The simulation of a graph by discrete events
 * ============================================
 *
 *            all inputs exist      slot free          inputs are here           its result is kept
 *    waiting ──────────────▶ queued ────────▶ fetching ───────────────▶ running ──────────────────▶ ended
 *
 * A placement chooses the worker of a task when all its inputs exist, as `runDag` does. The task takes a slot, and
 * fetches in its slot what the worker's cache lacks: from the worker that made it, or from the store if that worker has
 * dropped it. All fetches to one worker share its link: their bytes arrive one after the other, so that a fan-in takes
 * the sum of its bytes over the bandwidth. The result is kept where it was made.
 *
 * With `results: 'at home'`, a result is an object at the home of its task's color, as on the platform: a task that runs
 * elsewhere moves it there before it ends, and each reader elsewhere moves it again. The homes of colors make it Palette's
 * cache; homes by consistent hashing make it a cache that is oblivious of colors (Faa$T). With `copies`, a worker keeps a
 * copy of what it has read from elsewhere, as invokers do with large objects: the next read there asks the home whether
 * the copy is current, which takes the latency, and moves no bytes.
 *
 * With `prefetch`, inputs travel as soon as the worker is known and they exist, and a task takes a slot only then: so
 * does a scheduler of its own machines. This needs a placement that knows the worker in advance.
 *
 * The coordinator (`runDag`) may take time: a task reaches its worker `submitMs` after all its inputs exist, and its
 * successors hear of its end `answerMs` after it.
 *
 * What is not simulated: the link of the sender, and cold starts.
 */

/** The workers, their network, and the placement of a simulation. */
export interface GraphSimulation {
  /** The slots of each worker. */
  readonly workers: readonly number[];
  /** The cache of each worker in bytes. Missing: unbounded. */
  readonly cache?: number | undefined;
  /** The network between the workers. */
  readonly network: Network;
  /** The latency of the store, in ms; its bandwidth is that of the link. Missing: that of the network. */
  readonly storeLatencyMs?: number | undefined;
  /** Which worker runs a task. */
  readonly placement: GraphPlacement;
  /**
   * Whether inputs travel as soon as they exist and the worker is known, and a task takes a slot only when they have
   * arrived. Needs a placement that knows the worker in advance. Missing: no.
   */
  readonly prefetch?: boolean | undefined;
  /**
   * Where results are kept: where they were made, and copies where they were read; or at the homes that the placement
   * names (`GraphPlacement.homeOf`). Missing: `where made`.
   */
  readonly results?: 'where made' | 'at home' | undefined;
  /** Whether workers keep copies of what they read from homes elsewhere. Missing: no. */
  readonly copies?: boolean | undefined;
  /** The delays of the coordinator. Missing: none. */
  readonly coordinator?:
    | {
        /** The time from a task's last input until the task reaches its worker, in ms. */
        readonly submitMs: number;
        /** The time from a task's end until the coordinator knows of it, in ms. */
        readonly answerMs: number;
      }
    | undefined;
}

/** The result of a simulated run. */
export interface GraphResult {
  /** From the start to the end of the last task, in ms. */
  readonly makespan: number;
  /** The bytes that went over the links. With results at homes, this includes writes to the home. */
  readonly movedBytes: number;
  /** The bytes that tasks found on their own worker, copies among them. With results at homes, this includes writes on the home. */
  readonly localBytes: number;
  /** Tasks that waited for a slot, over all. */
  readonly queued: number;
  /** For each worker the time that its slots were taken, over the makespan times its slots. */
  readonly busy: readonly number[];
  /** The worker of each task. */
  readonly workers: Int32Array;
}

const NONE = -1;

/** What happens to a task. An event is its kind times the number of tasks, plus the task. */
const ENDED = 0;
const SUBMITTED = 1;
const ARRIVED = 2;
const COMPUTED = 3;
const KNOWN = 4;

/** Simulates one run of a graph. The result depends only on the arguments and the placement's state. */
export function simulateGraph(graph: TaskGraph, options: GraphSimulation): GraphResult {
  return new Run(graph, options).result();
}

/** Caches that drop nothing: a flag for each worker and object is all they need. */
class Unbounded implements Pick<ObjectCaches, 'has' | 'keep'> {
  readonly #objects: number;
  readonly #kept: Uint8Array;

  constructor(workers: number, objects: number) {
    this.#objects = objects;
    this.#kept = new Uint8Array(workers * objects);
  }

  has(worker: number, object: number): boolean {
    return this.#kept[worker * this.#objects + object] === 1;
  }

  keep(worker: number, object: number): void {
    this.#kept[worker * this.#objects + object] = 1;
  }
}

/** The tasks that read each task's result, by graph: a graph is simulated many times. */
const successors = new WeakMap<TaskGraph, readonly (readonly number[])[]>();

function successorsOf(graph: TaskGraph): readonly (readonly number[])[] {
  const known = successors.get(graph);
  if (known) return known;
  const lists: number[][] = graph.tasks.map(() => []);
  graph.tasks.forEach(({ inputs }, task) => inputs.forEach((input) => lists[input]?.push(task)));
  successors.set(graph, lists);
  return lists;
}

class Run {
  readonly #graph: TaskGraph;
  readonly #options: GraphSimulation;
  readonly #successors: readonly (readonly number[])[];
  readonly #missing: Int32Array;
  readonly #worker: Int32Array;
  /** Where the result of each task is kept, if at homes. */
  readonly #home: Int32Array;
  readonly #caches: Pick<ObjectCaches, 'has' | 'keep'>;
  readonly #events = new EventHeap();
  readonly #running: Int32Array;
  readonly #load: Int32Array;
  readonly #queues: number[][];
  readonly #linkFree: Float64Array;
  readonly #localFree: Float64Array;
  readonly #busy: Float64Array;
  readonly #startedAt: Float64Array;
  readonly #atHome: boolean;
  #movedBytes = 0;
  #localBytes = 0;
  #queued = 0;
  #now = 0;
  #makespan = 0;

  constructor(graph: TaskGraph, options: GraphSimulation) {
    const { tasks } = graph;
    const workers = options.workers.length;
    this.#graph = graph;
    this.#options = options;
    this.#atHome = options.results === 'at home';
    if (this.#atHome && !options.placement.homeOf) throw new RangeError('the placement names no homes');
    this.#successors = successorsOf(graph);
    this.#missing = Int32Array.from(tasks, ({ inputs }) => inputs.length);
    this.#worker = new Int32Array(tasks.length).fill(NONE);
    this.#home = new Int32Array(tasks.length).fill(NONE);
    this.#caches =
      options.cache === undefined
        ? new Unbounded(workers, tasks.length)
        : new ObjectCaches(workers, tasks.length, options.cache);
    this.#running = new Int32Array(workers);
    this.#load = new Int32Array(workers);
    this.#queues = options.workers.map(() => []);
    this.#linkFree = new Float64Array(workers);
    this.#localFree = new Float64Array(workers);
    this.#busy = new Float64Array(workers);
    this.#startedAt = new Float64Array(tasks.length);
  }

  result(): GraphResult {
    const { tasks } = this.#graph;
    for (let task = 0; task < tasks.length; task++) if (this.#missing[task] === 0) this.#ready(task);
    while (this.#events.size > 0) {
      this.#now = this.#events.first;
      const event = this.#events.pop();
      this.#happen(Math.floor(event / tasks.length), event % tasks.length);
    }
    return {
      makespan: this.#makespan,
      movedBytes: this.#movedBytes,
      localBytes: this.#localBytes,
      queued: this.#queued / tasks.length,
      busy: this.#options.workers.map((slots, worker) => numberAt(this.#busy, worker) / (slots * this.#makespan)),
      workers: this.#worker,
    };
  }

  #happen(kind: number, task: number): void {
    if (kind === ENDED) this.#end(task);
    else if (kind === SUBMITTED) this.#place(task);
    else if (kind === ARRIVED) this.#enqueue(task);
    else if (kind === COMPUTED) this.#at(this.#write(task), ENDED, task);
    else this.#known(task);
  }

  #at(time: number, kind: number, task: number): void {
    this.#events.push(time, kind * this.#graph.tasks.length + task);
  }

  #ready(task: number): void {
    const { submitMs = 0 } = this.#options.coordinator ?? {};
    if (submitMs > 0) this.#at(this.#now + submitMs, SUBMITTED, task);
    else this.#place(task);
  }

  #place(task: number): void {
    const { placement, prefetch } = this.#options;
    const worker = placement.place(task, this.#now, this.#state);
    this.#worker[task] = worker;
    increase(this.#load, worker);
    if (prefetch === true) this.#at(this.#fetch(task, worker), ARRIVED, task);
    else this.#enqueue(task);
  }

  #enqueue(task: number): void {
    const worker = numberAt(this.#worker, task);
    if (numberAt(this.#running, worker) < at(this.#options.workers, worker)) {
      this.#start(task, worker);
      return;
    }
    this.#queued++;
    at(this.#queues, worker).push(task);
  }

  #start(task: number, worker: number): void {
    increase(this.#running, worker);
    this.#startedAt[task] = this.#now;
    const begin = this.#options.prefetch === true ? this.#now : this.#fetch(task, worker);
    this.#at(begin + at(this.#graph.tasks, task).ms, this.#atHome ? COMPUTED : ENDED, task);
  }

  /** Gets the inputs of a task to a worker. @returns the time at which all are there. */
  #fetch(task: number, worker: number): number {
    const { network, storeLatencyMs = network.latencyMs } = this.#options;
    let arrived = this.#now;
    for (const input of at(this.#graph.tasks, task).inputs) {
      const { bytes } = at(this.#graph.tasks, input);
      const ends = this.#atHome
        ? this.#readFromHome(input, bytes, worker)
        : this.#readFromMaker(input, bytes, worker, storeLatencyMs);
      arrived = Math.max(arrived, ends);
    }
    return arrived;
  }

  #readFromMaker(input: number, bytes: number, worker: number, storeLatencyMs: number): number {
    if (this.#caches.has(worker, input)) return this.#touch(worker, bytes);
    const there = this.#caches.has(numberAt(this.#worker, input), input);
    const end = this.#move(worker, bytes, there ? this.#options.network.latencyMs : storeLatencyMs);
    this.#caches.keep(worker, input, bytes);
    return end;
  }

  #readFromHome(input: number, bytes: number, worker: number): number {
    const { network, copies } = this.#options;
    if (numberAt(this.#home, input) === worker) return this.#touch(worker, bytes);
    if (copies === true && this.#caches.has(worker, input)) return this.#touch(worker, bytes, network.latencyMs);
    const end = this.#move(worker, bytes, network.latencyMs);
    if (copies === true) this.#caches.keep(worker, input, bytes);
    return end;
  }

  /** Puts the result of a task at its home. @returns the time at which it is there. */
  #write(task: number): number {
    const home = this.#options.placement.homeOf?.(task, this.#now) ?? NONE;
    const { bytes } = at(this.#graph.tasks, task);
    this.#home[task] = home;
    if (home === this.#worker[task]) return this.#touch(home, bytes);
    return this.#move(home, bytes, this.#options.network.latencyMs);
  }

  /** Moves bytes over the link of a worker. @returns the time at which they are there. */
  #move(worker: number, bytes: number, latencyMs: number): number {
    this.#movedBytes += bytes;
    const begin = Math.max(this.#now + latencyMs, numberAt(this.#linkFree, worker));
    return (this.#linkFree[worker] = begin + bytes / this.#options.network.bandwidth);
  }

  /**
   * Reads or writes bytes on their own worker.
   * @param askMs the time to ask whether they are current, instead of the latency of their own worker.
   * @returns the time of its end.
   */
  #touch(worker: number, bytes: number, askMs?: number): number {
    this.#localBytes += bytes;
    const { local } = this.#options.network;
    if (!local) return this.#now + (askMs ?? 0);
    const begin = Math.max(this.#now + (askMs ?? local.latencyMs), numberAt(this.#localFree, worker));
    return (this.#localFree[worker] = begin + bytes / local.bandwidth);
  }

  #end(task: number): void {
    const worker = numberAt(this.#worker, task);
    increase(this.#running, worker, -1);
    increase(this.#load, worker, -1);
    const tookMs = this.#now - numberAt(this.#startedAt, task);
    this.#busy[worker] = numberAt(this.#busy, worker) + tookMs;
    if (!this.#atHome) this.#caches.keep(worker, task, at(this.#graph.tasks, task).bytes);
    this.#options.placement.ended?.(task, worker, tookMs, this.#now);
    const next = at(this.#queues, worker).shift();
    if (next !== undefined) this.#start(next, worker);
    const { answerMs = 0 } = this.#options.coordinator ?? {};
    if (answerMs > 0) this.#at(this.#now + answerMs, KNOWN, task);
    else this.#known(task);
  }

  #known(task: number): void {
    this.#makespan = this.#now;
    for (const successor of at(this.#successors, task)) {
      if (increase(this.#missing, successor, -1) === 0) this.#ready(successor);
    }
  }

  readonly #state: WorkersState = {
    idle: (worker) => numberAt(this.#running, worker) < at(this.#options.workers, worker),
    load: (worker) => numberAt(this.#load, worker),
    workerOf: (task) => numberAt(this.#worker, task),
  };
}
