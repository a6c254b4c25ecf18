import { flowOf, type ContainerEntry } from './ContainerEntry.js';
import type { ContainerPlacement, Decision } from './decide.js';
import { FairQueue } from './FairQueue.js';
import type { Job } from './Job.js';

/** How the backlog finds out where a job can run, and sets it going. */
export interface BacklogParts<E extends ContainerEntry> {
  readonly place: (job: Job) => ContainerPlacement<E>;
  /** A container that has the job's action already; undefined where none has room. */
  readonly placeWarm: (job: Job) => Decision<E> | undefined;
  /** What the containers of a namespace take, in MB. */
  readonly memoryOf: (namespace: string) => number;
  readonly start: (job: Job, decision: Decision<E>) => void;
}

/** So many jobs may pass the one whose turn it is: then containers are kept free, or evicted, until it runs. */
const MAX_PASSES = 8;

/**
 * The jobs that wait for a container. They take turns (see `FairQueue`). Others pass the one whose turn it is only
 *
 * - where it has to wait for memory, and a container that serves them already has room, if their namespace is another one
 *   that has no more memory: a namespace alone waits no longer than first come, first served, and one with many containers
 *   does not keep one with few waiting, or
 * - where it came after them, and would evict such a container of its own namespace: a new container for each turn would
 *   cost more than turns that are a little longer.
 *
 * At most `MAX_PASSES` jobs pass a job.
 */
export class Backlog<E extends ContainerEntry> {
  readonly #parts: BacklogParts<E>;
  readonly #queue = new FairQueue<Job>();
  /** Actions whose containers had room lately. */
  readonly #roomy = new Set<string>();
  /** The job whose turn it is, and how many passed it. */
  #first: Job | undefined;
  #passes = 0;

  constructor(parts: BacklogParts<E>) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#queue.size;
  }

  /** Starts the job where that is possible and fair, else it waits. */
  submit(job: Job): void {
    if (this.#queue.size === 0) {
      const placement = this.#parts.place(job);
      if (placement.kind !== 'wait') return this.#parts.start(job, placement);
      this.#queue.push(job);
      return;
    }
    this.#queue.push(job);
    // The job whose turn it is could not run when there was room last.
    if (this.#queue.firstOf(job.flow) !== job || this.#passes >= MAX_PASSES) return;
    if (this.#mayPass(job)) this.#tryToPass(job);
  }

  /** Returns a job that was started, and that its container could not take. */
  putBack(job: Job): void {
    this.#queue.putBack(job);
  }

  /** Starts what can run now. `key`: what a container serves that may have room. */
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

  /** Lets a job of the same namespace have the container that would be evicted for `job`. */
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
