import { Queue } from '../../shared/process/Queue.js';

/*
 * Activations that wait for a container of their own action, because the action has as many containers as it may have
 * (its limit `instances`; `instances` of the message).
 *
 *   from       to         when
 *   arrived    waiting    the action has as many containers as it may have and none has room, or others of it wait
 *   waiting    backlog    it is the first of its action, no activation of its action is in the backlog, and a container
 *                         of its action has room or another one is allowed
 *   backlog    started    it is its turn: see `Backlog.ts`
 *              waiting    at its turn its action has as many containers as it may have again
 *   waiting    left       the invoker stops
 *
 * They wait beside the backlog, whose first activation holds up all others. They start by way of the backlog, so that an
 * action with many waiting activations does not keep its containers while others wait for memory. At most one
 * activation of an action is in the backlog from here, which keeps the order of arrival. The consumer of the invoker's
 * topic bounds their number.
 */

/** The properties of an activation that its wait depends on. */
export interface LimitedJob {
  /** The action without its revision. */
  readonly flow: string;
  /** The number of its arrival: higher for a later activation. */
  readonly arrival: number;
}

export interface InstanceWaitsParts<J extends LimitedJob> {
  /** Whether a container of the job's action has room, or another one is allowed. */
  readonly mayStart: (job: J) => boolean;
  /** Whether a job of the action is in the backlog. */
  readonly isQueued: (flow: string) => boolean;
  /** Moves the job to the backlog. */
  readonly release: (job: J) => void;
}

interface Waiting<J> {
  readonly jobs: Queue<J>;
  /** The arrival of the last one. */
  last: number;
}

export class InstanceWaits<J extends LimitedJob> {
  readonly #parts: InstanceWaitsParts<J>;
  /** By flow, in order of arrival. */
  readonly #byFlow = new Map<string, Waiting<J>>();
  /** The flows that the next `release` looks at. */
  readonly #stirred = new Set<string>();
  #size = 0;

  constructor(parts: InstanceWaitsParts<J>) {
    this.#parts = parts;
  }

  /** The number of waiting jobs. */
  get size(): number {
    return this.#size;
  }

  /** Whether jobs of the action wait. */
  has(flow: string): boolean {
    return this.#byFlow.has(flow);
  }

  /** Lets the job wait, before those of its action that arrived later. */
  park(job: J): void {
    let waiting = this.#byFlow.get(job.flow);
    if (!waiting) this.#byFlow.set(job.flow, (waiting = { jobs: new Queue(), last: 0 }));
    this.#size++;
    if (job.arrival > waiting.last) {
      waiting.jobs.push(job);
      waiting.last = job.arrival;
    } else waiting.jobs.insert(job, (other) => other.arrival < job.arrival);
  }

  /** To be called when jobs of the action may go on. @param flow missing: jobs of any action may. */
  stir(flow?: string): void {
    if (this.#size === 0) return;
    if (flow === undefined) for (const each of this.#byFlow.keys()) this.#stirred.add(each);
    else if (this.has(flow)) this.#stirred.add(flow);
  }

  /** Moves the first job of each stirred action to the backlog, if it may start. @returns whether it moved a job. */
  release(): boolean {
    let moved = false;
    for (const flow of this.#stirred) {
      const first = this.#byFlow.get(flow)?.jobs.peek();
      if (first === undefined || this.#parts.isQueued(flow) || !this.#parts.mayStart(first)) continue;
      this.#take(flow);
      this.#parts.release(first);
      moved = true;
    }
    this.#stirred.clear();
    return moved;
  }

  /** Removes and returns a job; undefined if none waits. */
  shift(): J | undefined {
    for (const flow of this.#byFlow.keys()) return this.#take(flow);
    return undefined;
  }

  #take(flow: string): J | undefined {
    const jobs = this.#byFlow.get(flow)?.jobs;
    const job = jobs?.shift();
    if (job) this.#size--;
    if (jobs?.size === 0) this.#byFlow.delete(flow);
    return job;
  }
}
