import { isAwake, type ContainerEntry } from './ContainerEntry.js';
import type { ContainerTable } from './ContainerTable.js';
import { quickestHome } from './colorPatience.js';

/*
 * Activations that wait for the container of their color.
 *
 *   from       to         when
 *   arrived    waiting    the containers of its color are busy, one of them is expected to have room within the patience,
 *                         and no activation waits for just any container
 *              elsewhere  otherwise
 *   waiting    its home   a container of its color has room: activations of one action get it in order of arrival
 *              elsewhere  its patience is over, or no container of its color is left
 *
 * Elsewhere means: it is treated as an uncolored activation, but in the backlog, where it may let others pass to
 * containers of their color (see `Backlog.ts`). A container first serves those that wait for it: they
 * arrived before all that wait for just any container, since none of these was there at their arrival.
 */

/** A colored activation. */
export interface ColoredJob {
  /** The key of the container: see `containerKey`. */
  readonly key: string;
  readonly color: string | undefined;
  /** The longest acceptable expected wait for a container of the color, in ms; 0: it does not wait. */
  readonly patienceMs: number;
}

export interface ColorWaitsParts<J extends ColoredJob, E extends ContainerEntry> {
  readonly table: ContainerTable<E>;
  readonly now: () => number;
  /** Calls `run` after `ms`. Returns a function that cancels the call. */
  readonly after: (ms: number, run: () => void) => () => void;
  /** Starts the job in a container of its color. @param waitedMs the duration of its wait. */
  readonly start: (job: J, home: E, waitedMs: number) => void;
  /** Takes back jobs that go elsewhere. @param waitedMs the duration of each job's wait. */
  readonly giveUp: (job: J, waitedMs: number) => void;
  /** Called after `giveUp` outside of `serve`. */
  readonly goOn: () => void;
}

interface Waiting<J, E> {
  readonly job: J;
  /** The container that is expected to have room first. */
  readonly home: E;
  /** ms since the epoch. */
  readonly since: number;
  readonly cancel: () => void;
}

export class ColorWaits<J extends ColoredJob, E extends ContainerEntry> {
  readonly #parts: ColorWaitsParts<J, E>;
  /** In order of arrival. */
  readonly #byKey = new Map<string, Set<Waiting<J, E>>>();
  #size = 0;

  constructor(parts: ColorWaitsParts<J, E>) {
    this.#parts = parts;
  }

  /** The number of waiting jobs. */
  get size(): number {
    return this.#size;
  }

  /** Lets the job wait, if that is worth it. @returns whether it waits. */
  admit(job: J): boolean {
    const { key, color, patienceMs } = job;
    if (color === undefined || patienceMs <= 0) return false;
    const { table, now, after } = this.#parts;
    const group = table.group(key);
    if (!group || group.home(color)) return false;
    const since = now();
    const ahead = (entry: E): number => this.#ahead(key, entry);
    const home = quickestHome(group.busyHomes(color), { meanMs: group.meanRunMs, ahead, now: since }, patienceMs);
    if (!home) return false;
    const waiting: Waiting<J, E> = { job, home, since, cancel: after(patienceMs, () => this.#expire(waiting)) };
    const others = this.#byKey.get(key);
    if (others) others.add(waiting);
    else this.#byKey.set(key, new Set([waiting]));
    this.#size++;
    return true;
  }

  /** To be called when a container of the key may have room, or has stopped serving. */
  serve(key: string): void {
    for (const waiting of this.#byKey.get(key) ?? []) {
      const { color = '' } = waiting.job;
      const group = this.#parts.table.group(key);
      const home = group?.home(color);
      if (home && isAwake(home)) this.#parts.start(waiting.job, home, this.#end(waiting));
      else if (!group || group.busyHomes(color).length === 0) this.#parts.giveUp(waiting.job, this.#end(waiting));
    }
  }

  /** Removes and returns a job; undefined if none waits. */
  shift(): J | undefined {
    for (const all of this.#byKey.values()) {
      for (const waiting of all) {
        this.#end(waiting);
        return waiting.job;
      }
    }
    return undefined;
  }

  #expire(waiting: Waiting<J, E>): void {
    this.#parts.giveUp(waiting.job, this.#end(waiting));
    this.#parts.goOn();
  }

  /** Returns the duration of the wait, in ms. */
  #end(waiting: Waiting<J, E>): number {
    const { job, since, cancel } = waiting;
    cancel();
    const all = this.#byKey.get(job.key);
    if (all?.delete(waiting)) this.#size--;
    if (all?.size === 0) this.#byKey.delete(job.key);
    return Math.max(0, this.#parts.now() - since);
  }

  #ahead(key: string, home: E): number {
    let count = 0;
    for (const waiting of this.#byKey.get(key) ?? []) if (waiting.home === home) count++;
    return count;
  }
}
