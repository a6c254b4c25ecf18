import { flowOf, type ContainerEntry } from './ContainerEntry.js';
import type { ContainerPlacement, Decision } from './decide.js';
import { FairQueue } from './FairQueue.js';
import type { Job } from './Job.js';

/** The decisions and the effect that the backlog needs. */
export interface BacklogParts<E extends ContainerEntry> {
  readonly place: (job: Job) => ContainerPlacement<E>;
  /** A container of the job's action with room; undefined if no container has room. */
  readonly placeWarm: (job: Job) => Decision<E> | undefined;
  /** The memory of a namespace's containers in MB. */
  readonly memoryOf: (namespace: string) => number;
  readonly start: (job: Job, decision: Decision<E>) => void;
  /** ms since the epoch. */
  readonly now: () => number;
  /** Takes a job whose action has as many containers as it may have: here it would hold up the others. */
  readonly park: (job: Job) => void;
}

/** The most jobs that may pass the first one. After that, containers are kept free or evicted until it runs. */
const MAX_PASSES = 8;

/** The number of an action's first jobs among which the next one for a container of their color is chosen. */
const LOOK_AHEAD = 32;

/**
 * The jobs that wait for a container. They take turns (see `FairQueue`). The first job is the one whose turn it is.
 * Another job may pass it in three cases:
 *
 * - The first job must wait for memory, a container of the other job's action has room, and the other job's namespace is
 *   different and does not use more memory. So a single namespace is served in order of arrival, and a namespace with
 *   many containers does not delay a namespace with few.
 * - The first job arrived later and would evict such a container of its own namespace: longer turns cost less than a new
 *   container for each turn.
 * - Both are of one action. The container with room recently served the color of the other job, and not that of the
 *   first one, which is within its patience. Otherwise each container would get any color under load, and each color
 *   would miss in all of them.
 *
 * At most `MAX_PASSES` jobs pass a job in the first two cases. The third one ends with its patience, counted from the
 * first such container. A job without a color or a patience is not passed for a color.
 *
 * Example of the third case: containers A and B are busy, A served red and B served blue, and blue, red, blue wait. A
 * gets room: it takes red, and blue waits for B. If B has no room within the patience of blue, A takes blue as well.
 */
export class Backlog<E extends ContainerEntry> {
  readonly #parts: BacklogParts<E>;
  readonly #queue = new FairQueue<Job>();
  /** Actions whose containers recently had room. */
  readonly #roomy = new Set<string>();
  /** The first job, and the number of jobs that passed it. */
  #first: Job | undefined;
  #passes = 0;

  constructor(parts: BacklogParts<E>) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#queue.size;
  }

  /** Starts the job if that is possible and fair. Otherwise the job waits. */
  submit(job: Job): void {
    if (this.#queue.size === 0) {
      const placement = this.#parts.place(job);
      if (placement.kind === 'limited') return this.#parts.park(job);
      if (placement.kind !== 'wait') return this.#parts.start(job, placement);
      this.#queue.push(job);
      return;
    }
    this.#queue.push(job);
    // The first job could not run at the last change of room.
    if (this.#queue.firstOf(job.flow) !== job || this.#passes >= MAX_PASSES) return;
    if (this.#mayPass(job)) this.#tryToPass(job);
  }

  /** Whether a job of the action waits. */
  has(flow: string): boolean {
    return this.#queue.firstOf(flow) !== undefined;
  }

  /** Returns a job that its container did not take, or that was parked. */
  putBack(job: Job): void {
    this.#queue.putBack(job);
  }

  /** Starts the jobs that can run now. @param key of a container that may have room. */
  startWaiting(key?: string): void {
    if (this.#queue.size === 0) return;
    if (key !== undefined) this.#roomy.add(flowOf(key));
    for (let job = this.#queue.next(); job; job = this.#queue.next()) {
      if (job !== this.#first) {
        this.#first = job;
        this.#passes = 0;
      }
      const placement = this.#parts.place(job);
      if (placement.kind === 'cold' && this.#letOwnPass(job, placement.evict)) continue;
      if (placement.kind === 'wait') {
        if (this.#letPass()) continue;
        return;
      }
      if (placement.kind === 'limited') {
        this.#queue.withdraw(job.flow);
        this.#parts.park(job);
        continue;
      }
      if (placement.kind === 'warm' && this.#letColorPass(job, placement.entry)) continue;
      this.#queue.take(job.flow);
      this.#parts.start(job, placement);
    }
    this.#roomy.clear();
  }

  /** Removes and returns the next job. */
  shift(): Job | undefined {
    const job = this.#queue.next();
    return job && this.#queue.take(job.flow);
  }

  /**
   * Brings a job of the action forward that the container is the right one for, if it is the wrong one for `job`, which
   * is patient.
   */
  #letColorPass(job: Job, entry: E): boolean {
    const { color, patienceMs, key, flow } = job;
    if (color === undefined || patienceMs <= 0 || served(entry, color)) return false;
    const now = this.#parts.now();
    job.patientSince ??= now;
    if (now - job.patientSince >= patienceMs) return false;
    return this.#queue.bringForward(flow, LOOK_AHEAD, (other) => other.key === key && served(entry, other.color));
  }

  #letPass(): boolean {
    if (this.#passes >= MAX_PASSES) return false;
    for (const flow of this.#roomy) {
      const job = this.#queue.firstOf(flow);
      if (job && this.#mayPass(job) && this.#tryToPass(job)) return true;
      this.#roomy.delete(flow);
    }
    return false;
  }

  #mayPass({ namespace }: Job): boolean {
    const first = this.#first?.namespace;
    if (first === undefined || namespace === first) return false;
    return this.#parts.memoryOf(namespace) <= this.#parts.memoryOf(first);
  }

  /** Starts a job of the same namespace in the container that would be evicted for `job`. */
  #letOwnPass(job: Job, evict: readonly E[]): boolean {
    if (this.#passes >= MAX_PASSES) return false;
    for (const { key } of evict) {
      if (key === undefined) continue;
      const own = this.#queue.firstOf(flowOf(key));
      const cameBefore = own?.key === key && own.namespace === job.namespace && own.arrival < job.arrival;
      if (cameBefore && this.#tryToPass(own)) return true;
    }
    return false;
  }

  #tryToPass(job: Job): boolean {
    const placement = this.#parts.placeWarm(job);
    if (!placement) return false;
    this.#passes++;
    this.#queue.take(job.flow);
    this.#parts.start(job, placement);
    return true;
  }
}

/** Whether the container recently served the color. */
const served = ({ colors }: ContainerEntry, color: string | undefined): boolean =>
  color !== undefined && colors?.has(color) === true;
