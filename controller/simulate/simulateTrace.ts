import { imbalance } from '../../shared/colors/buckets.js';
import { increase, numberAt } from '../../shared/collections/at.js';
import type { ColorRequest } from '../loadbalancer/LoadBalancer.js';
import { Durations } from './engine/Durations.js';
import { EventHeap } from './engine/EventHeap.js';
import { ObjectCaches } from './engine/ObjectCaches.js';
import { Placement, type BalancerCounts, type PlacementOptions } from './engine/Placement.js';
import type { Trace } from './Trace.js';

/*
 * The simulation of a trace by discrete events
 * ============================================
 *
 * The shipped balancer (`Placement`) chooses a worker for each invocation at its arrival. A worker has slots and one
 * cache of objects for all of them. It runs what it gets, first come, first served:
 *
 *              place                 slot free             its duration is over
 *    arrival ────────▶ queued ──────────────▶ running ──────────────────────────▶ ended
 *                         └── at once if a slot is free ──┘
 *
 * The duration is that of the trace, plus, if an object that it reads is not in the worker's cache, one fetch: `missMs`
 * and the missing bytes over the bandwidth. What was read and written is kept in the cache. A write makes the copies on
 * other workers stale.
 *
 * What is not simulated: containers (all slots of a worker share its cache, as with the objects of a color), cold
 * starts, the delay of messages, and several controllers.
 */

export interface TraceSimulation extends PlacementOptions {
  /** The slots of each worker. */
  readonly workers: readonly number[];
  /** The cache of each worker, in bytes; with objects of size 1 in objects. */
  readonly cache: number;
  /** The latency of a fetch of missing objects, in ms. */
  readonly missMs: number;
  /** In bytes per ms. Missing: unbounded. */
  readonly bandwidth?: number | undefined;
  /**
   * Whether an invocation looks up all its objects and then fetches the missing ones (`together`), or each in turn, so
   * that one that it fetches may push out one that it would read later. Missing: `together`.
   */
  readonly lookups?: 'together' | 'in turn' | undefined;
  /** When objects count as kept: at the start of the fetch (others share it), or at its end. Missing: `start`. */
  readonly keptFrom?: 'start' | 'end' | undefined;
  /** Changes of workers, in the order of their times. */
  readonly changes?: readonly WorkerChange[] | undefined;
  /** Collects results for each window of this length, too, in ms. */
  readonly windowMs?: number | undefined;
  /** The seed of all random choices: the same seed gives the same result. */
  readonly seed: number;
  /** Called about every million invocations. */
  readonly onProgress?: ((invocations: number) => void) | undefined;
}

/** A change of the workers during a simulation. */
export type WorkerChange =
  | {
      /** The time of the change, in ms from the start. */
      readonly t: number;
      /** A new worker joins. It gets the next number. */
      readonly kind: 'join';
      /** The slots of the new worker. */
      readonly slots: number;
    }
  | {
      /** The time of the change, in ms from the start. */
      readonly t: number;
      /**
       * `down`: the worker takes no more invocations, finishes those that it has, and loses its cache. `up`: it is back.
       */
      readonly kind: 'down' | 'up';
      /** The number of the worker, from 0. */
      readonly worker: number;
    };

/** Counts and times in ms of the invocations that arrived in a window, or of all. */
export interface Observed {
  /** The number of invocations. */
  readonly invocations: number;
  /** The number of reads of objects. */
  readonly reads: number;
  /** Reads of objects that were in the worker's cache, over all reads; NaN without reads. */
  readonly hitRatio: number;
  /** Colored invocations at their home, over all colored ones; NaN without colored ones. */
  readonly atHome: number;
  /** The mean time from the arrival to the end, in ms. */
  readonly mean: number;
  /** The median of this time, in ms. */
  readonly p50: number;
  /** The 99th percentile of this time, in ms. */
  readonly p99: number;
  /** The longest such time, in ms. */
  readonly max: number;
}

export interface TraceResult extends Observed {
  /** The invocations that found no worker up. */
  readonly refused: number;
  /** The bytes of all fetches. */
  readonly fetchedBytes: number;
  /** The balancer's own counts. */
  readonly balancer: BalancerCounts;
  /** The invocations that each worker received. */
  readonly received: readonly number[];
  /** The most invocations for the slots of a worker, over the mean. */
  readonly imbalance: number;
  /** The time of the last end, in ms. */
  readonly endedAt: number;
  /** The results of each window of `windowMs`, in the order of time. Empty without `windowMs`. */
  readonly windows: readonly Observed[];
}

const TICK_MS = 1000;
const NONE = -1;

/**
 * Simulates a trace. The result depends only on the arguments.
 * @throws RangeError for less than one worker, and for an unknown policy.
 */
export function simulateTrace(trace: Trace, options: TraceSimulation): TraceResult {
  if (options.workers.length === 0) throw new RangeError('a simulation needs at least one worker');
  return new Simulation(trace, options).run();
}

class Counts {
  readonly latencies = new Durations();
  reads = 0;
  hits = 0;
  colored = 0;
  home = 0;

  observed(): Observed {
    const { latencies, reads, hits, colored, home } = this;
    return {
      invocations: latencies.count,
      reads,
      hitRatio: hits / reads,
      atHome: home / colored,
      mean: latencies.mean,
      p50: latencies.quantile(0.5),
      p99: latencies.quantile(0.99),
      max: latencies.max,
    };
  }
}

class Simulation {
  readonly #trace: Trace;
  readonly #options: TraceSimulation;
  readonly #placement: Placement;
  readonly #caches: ObjectCaches;
  readonly #requests: ColorRequest[];
  readonly #ends = new EventHeap();
  /** By worker: slots, invocations that run, and the first and last of its queue. */
  readonly #slots: Int32Array;
  readonly #running: Int32Array;
  readonly #first: Int32Array;
  readonly #last: Int32Array;
  readonly #received: Int32Array;
  /** By invocation: its worker, the next one in the queue, the expected and the actual duration. */
  readonly #worker: Int32Array;
  readonly #next: Int32Array;
  readonly #expected: Float64Array;
  readonly #duration: Float64Array;
  readonly #versions: Int32Array;
  readonly #all = new Counts();
  readonly #windows: Counts[] = [];
  #workers: number;
  #fetchedBytes = 0;
  #refused = 0;
  #endedAt = 0;

  constructor(trace: Trace, options: TraceSimulation) {
    const joins = options.changes?.filter(({ kind }) => kind === 'join').length ?? 0;
    const workers = options.workers.length + joins;
    const count = trace.t.length;
    this.#trace = trace;
    this.#options = options;
    this.#placement = new Placement(trace.actions, options, options.seed);
    this.#placement.join(options.workers, 0);
    this.#caches = new ObjectCaches(workers, trace.objects.length, options.cache);
    this.#requests = trace.colors.map((value) => ({ value }));
    this.#workers = options.workers.length;
    this.#slots = new Int32Array(workers);
    this.#slots.set(options.workers);
    this.#running = new Int32Array(workers);
    this.#first = new Int32Array(workers).fill(NONE);
    this.#last = new Int32Array(workers).fill(NONE);
    this.#received = new Int32Array(workers);
    this.#worker = new Int32Array(count);
    this.#next = new Int32Array(count).fill(NONE);
    this.#expected = new Float64Array(count);
    this.#duration = new Float64Array(count);
    this.#versions = new Int32Array(trace.objects.length);
  }

  run(): TraceResult {
    const { t } = this.#trace;
    const { changes = [], onProgress } = this.#options;
    let change = 0;
    let ticked = 0;
    for (let i = 0; i < t.length; i++) {
      const now = numberAt(t, i);
      for (;;) {
        const changeAt = changes[change]?.t ?? Infinity;
        const tickAt = ticked + TICK_MS;
        const next = Math.min(this.#ends.first, changeAt, tickAt);
        if (next > now) break;
        if (next === this.#ends.first) {
          this.#end(this.#ends.pop(), next);
        } else if (next === changeAt) {
          this.#change(changes[change++]);
        } else {
          ticked = tickAt;
          this.#placement.tick(tickAt);
        }
      }
      this.#arrive(i, now);
      if (onProgress && i % 1_000_000 === 999_999) onProgress(i + 1);
    }
    while (this.#ends.size > 0) {
      const now = this.#ends.first;
      this.#end(this.#ends.pop(), now);
    }
    const received = [...this.#received.subarray(0, this.#workers)];
    const slots = [...this.#slots.subarray(0, this.#workers)];
    return {
      ...this.#all.observed(),
      refused: this.#refused,
      fetchedBytes: this.#fetchedBytes,
      balancer: this.#placement.counts(),
      received,
      imbalance: imbalance(received, slots),
      endedAt: this.#endedAt,
      windows: this.#windows.map((window) => window.observed()),
    };
  }

  #arrive(i: number, now: number): void {
    const color = numberAt(this.#trace.color, i);
    const request = color === NONE ? undefined : this.#requests[color];
    const placed = this.#placement.place(numberAt(this.#trace.action, i), request, now);
    if (!placed) {
      this.#refused++;
      return;
    }
    const { worker, home, expectedMs } = placed;
    this.#worker[i] = worker;
    this.#expected[i] = expectedMs;
    increase(this.#received, worker);
    if (request) {
      for (const counts of this.#countsOf(i)) {
        counts.colored++;
        if (home) counts.home++;
      }
    }
    if (numberAt(this.#running, worker) < numberAt(this.#slots, worker)) {
      this.#start(i, worker, now);
      return;
    }
    const last = numberAt(this.#last, worker);
    if (last === NONE) this.#first[worker] = i;
    else this.#next[last] = i;
    this.#last[worker] = i;
  }

  #start(i: number, worker: number, now: number): void {
    const { readStart, reads, ms, objectBytes } = this.#trace;
    const { missMs, bandwidth = Infinity, keptFrom = 'start', lookups } = this.#options;
    increase(this.#running, worker);
    const from = numberAt(readStart, i);
    const to = numberAt(readStart, i + 1);
    let hits = 0;
    let missing = 0;
    for (let r = from; r < to; r++) {
      const object = numberAt(reads, r);
      const version = numberAt(this.#versions, object);
      if (this.#caches.has(worker, object, version)) {
        hits++;
        continue;
      }
      missing += numberAt(objectBytes, object);
      if (lookups === 'in turn') this.#caches.keep(worker, object, numberAt(objectBytes, object), version);
    }
    const missed = to - from - hits;
    if (keptFrom === 'start' && lookups !== 'in turn') this.#keepReads(i, worker);
    let duration = numberAt(ms, i);
    if (missed > 0) duration += missMs + missing / bandwidth;
    this.#fetchedBytes += missing;
    this.#duration[i] = duration;
    for (const counts of this.#countsOf(i)) {
      counts.reads += to - from;
      counts.hits += hits;
    }
    this.#ends.push(now + duration, i);
  }

  #end(i: number, now: number): void {
    const worker = numberAt(this.#worker, i);
    increase(this.#running, worker, -1);
    if (this.#options.keptFrom === 'end') this.#keepReads(i, worker);
    const { writeStart, writes, objectBytes, action, t, ms } = this.#trace;
    for (let w = numberAt(writeStart, i), to = numberAt(writeStart, i + 1); w < to; w++) {
      const object = numberAt(writes, w);
      this.#caches.keep(worker, object, numberAt(objectBytes, object), increase(this.#versions, object));
    }
    const duration = numberAt(this.#duration, i);
    const reads = numberAt(this.#trace.readStart, i + 1) - numberAt(this.#trace.readStart, i);
    const met = reads > 0 && numberAt(this.#trace.color, i) !== NONE ? duration <= numberAt(ms, i) : undefined;
    this.#placement.release(numberAt(action, i), worker, numberAt(this.#expected, i), duration, now, met);
    const latency = now - numberAt(t, i);
    for (const counts of this.#countsOf(i)) counts.latencies.add(latency);
    this.#endedAt = now;
    const next = numberAt(this.#first, worker);
    if (next === NONE) return;
    const after = numberAt(this.#next, next);
    this.#first[worker] = after;
    if (after === NONE) this.#last[worker] = NONE;
    this.#start(next, worker, now);
  }

  #keepReads(i: number, worker: number): void {
    const { readStart, reads, objectBytes } = this.#trace;
    for (let r = numberAt(readStart, i), to = numberAt(readStart, i + 1); r < to; r++) {
      const object = numberAt(reads, r);
      const version = numberAt(this.#versions, object);
      if (!this.#caches.has(worker, object, version)) {
        this.#caches.keep(worker, object, numberAt(objectBytes, object), version);
      }
    }
  }

  #change(change: WorkerChange | undefined): void {
    if (!change) return;
    if (change.kind === 'join') {
      this.#slots[this.#workers++] = change.slots;
      this.#placement.join([change.slots], change.t);
      return;
    }
    if (change.kind === 'down') this.#caches.clear(change.worker);
    this.#placement.setUp(change.worker, change.kind === 'up', change.t);
  }

  /** The counts to which an invocation belongs. */
  #countsOf(i: number): readonly Counts[] {
    const { windowMs } = this.#options;
    if (windowMs === undefined) return this.#only;
    const index = Math.floor(numberAt(this.#trace.t, i) / windowMs);
    while (this.#windows.length <= index) this.#windows.push(new Counts());
    this.#both[1] = this.#windows[index] ?? this.#all;
    return this.#both;
  }
  readonly #only: readonly Counts[] = [this.#all];
  readonly #both: Counts[] = [this.#all, this.#all];
}
