import { Queue } from '../../shared/process/Queue.js';

/*
 * Activations of actions that have as many containers as their limit `instances` allows.
 *
 *   from      to        when
 *   arrived   backlog   no activation of its action is parked
 *             parked    otherwise: activations of an action keep their order
 *   backlog   started   it is its turn, and a container has room or the limit allows another one
 *             parked    it is its turn, no container has room, and the limit allows no other one
 *   parked    backlog   a container of its action has room or is gone, an activation of its action has started, or a
 *                       second has passed; one activation at a time, in order of arrival
 *
 * A parked activation does not hold up other actions. One that returns to the backlog takes its turn there, so a limited
 * action gets no more than its share while others wait for its memory.
 */

/** An activation whose action may have a limit. */
export interface LimitedJob {
  /** The key of the container: see `containerKey`. */
  readonly key: string;
  /** The number of its arrival. */
  readonly arrival: number;
}

/** Bounded like the backlog: the consumer stops fetching while too many activations wait. */
export class InstanceWaits<J extends LimitedJob> {
  readonly #release: (job: J) => void;
  readonly #parked = new Map<string, Queue<J>>();
  #size = 0;

  /** @param release returns a job to the backlog. */
  constructor(release: (job: J) => void) {
    this.#release = release;
  }

  /** The number of parked jobs. */
  get size(): number {
    return this.#size;
  }

  /** Whether the job must wait behind parked jobs of its action. */
  holds({ key }: J): boolean {
    return this.#size > 0 && this.#parked.has(key);
  }

  park(job: J): void {
    const jobs = this.#parked.get(job.key) ?? new Queue<J>();
    this.#parked.set(job.key, jobs);
    // A job that was released in vain comes before later ones.
    if (job.arrival < (jobs.peek()?.arrival ?? 0)) jobs.pushFront(job);
    else jobs.push(job);
    this.#size++;
  }

  /** To be called when a container of the key may have room, or is gone. */
  serve(key: string): void {
    const job = this.#take(key);
    if (job) this.#release(job);
  }

  /** Lets the first job of each action try again. */
  serveAll(): void {
    for (const key of this.#parked.keys()) this.serve(key);
  }

  /** Removes and returns a job; undefined if none is parked. */
  shift(): J | undefined {
    const [key] = this.#parked.keys();
    return key === undefined ? undefined : this.#take(key);
  }

  #take(key: string): J | undefined {
    const jobs = this.#parked.get(key);
    const job = jobs?.shift();
    if (jobs?.size === 0) this.#parked.delete(key);
    if (job) this.#size--;
    return job;
  }
}
