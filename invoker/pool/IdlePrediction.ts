import { flowOf, type ContainerEntry } from './ContainerEntry.js';
import { IdleHistogram, type IdleWindows } from './IdleHistogram.js';

/*
 * Which idle containers to keep, and which to start in advance, by the idle times of each action. No effects, no clock.
 *
 * The states of an action that is known:
 *
 *   from    to      when
 *   busy    idle    its last activation has ended
 *   idle    warmed  the window of its next invocation has begun, and no container was kept for it
 *   idle    busy    an activation arrives
 *   warmed  busy    an activation arrives
 *
 * An action without a prediction, such as one that is invoked for the first time, keeps its containers for the fixed
 * time. A prediction is for an action, not for a revision: a new revision is invoked as the old one was.
 */

export interface IdlePredictionOptions {
  /** The least time that a container stays after its last activation, in ms. */
  readonly graceMs: number;
  /** The time that containers stay after the grace time where nothing is predicted, in ms. */
  readonly fixedMs: number;
  /** The most actions to know. The one that is idle for longest is forgotten. */
  readonly maxActions: number;
}

/** An action whose next invocation is near. `containers`: so many worked at once in its last two busy periods. */
export interface DueAction<T> {
  readonly ticket: T;
  readonly containers: number;
}

/**
 * One avoided cold start is worth this many times the fixed time of idle memory. With 1, the pool would need two thirds of
 * the memory for as many cold starts; with 2, somewhat less memory for less than half of them (`npm run bench:idle`).
 */
const WORTH = 2;

/** @typeParam T what the owner needs to start a container of an action. */
export class IdlePrediction<T> {
  readonly #options: IdlePredictionOptions;
  /** By the name of the action (see `flowOf`); the one whose latest busy period began first is first. */
  readonly #actions = new Map<string, Known<T>>();

  constructor(options: IdlePredictionOptions) {
    this.#options = options;
  }

  /** The number of known actions. */
  get size(): number {
    return this.#actions.size;
  }

  /** An activation arrives. @param ticket is asked for once for each busy period. */
  arrived(flow: string, ticket: () => T | undefined, now: number): void {
    let action = this.#actions.get(flow);
    if (action === undefined || action.active === 0) {
      this.#actions.delete(flow);
      if (action) action.begin(now);
      else action = new Known<T>(WORTH * this.#options.fixedMs);
      action.ticket = ticket();
      this.#actions.set(flow, action);
      this.#forget();
    }
    action.active++;
    action.peak = Math.max(action.peak, action.active);
  }

  /** An activation that had arrived has ended. */
  left(flow: string, now: number): void {
    const action = this.#actions.get(flow);
    // It may have been forgotten meanwhile.
    if (!action || action.active === 0) return;
    if (--action.active === 0) action.idleSince = now;
  }

  /** Whether an idle container is not needed any longer; undefined: there is no prediction. */
  isOver({ key, lastUsed }: ContainerEntry, now: number): boolean | undefined {
    const action = key === undefined ? undefined : this.#actions.get(flowOf(key));
    const windows = action?.windows;
    if (!action || !windows) return undefined;
    const { graceMs } = this.#options;
    const unusedMs = now - lastUsed;
    if (unusedMs < graceMs) return false;
    if (windows.prewarmMs === 0) return unusedMs >= Math.max(graceMs, windows.keepMs);
    // The containers that a busy period needed at once are not needed by the rest of it.
    if (action.active > 0) return undefined;
    const idleMs = now - action.idleSince;
    return idleMs < windows.prewarmMs || idleMs >= windows.keepMs;
  }

  /** At most `most` actions whose containers should be started now. Each is returned once for an idle time. */
  due(now: number, most: number): DueAction<T>[] {
    const due: DueAction<T>[] = [];
    for (const action of this.#actions.values()) {
      if (due.length >= most) break;
      if (action.active > 0 || action.warmed) continue;
      const { windows, ticket } = action;
      if (!windows || windows.prewarmMs === 0) continue;
      const idleMs = now - action.idleSince;
      if (idleMs < windows.prewarmMs || idleMs >= windows.keepMs) continue;
      action.warmed = true;
      if (ticket !== undefined) due.push({ ticket, containers: Math.max(1, Math.min(action.peak, action.peakBefore)) });
    }
    return due;
  }

  #forget(): void {
    if (this.#actions.size <= this.#options.maxActions) return;
    const [oldest] = this.#actions.keys();
    if (oldest !== undefined) this.#actions.delete(oldest);
  }
}

/** What is known of an action. */
class Known<T> {
  ticket: T | undefined;
  active = 0;
  /** The most activations at once, in this busy period and in the one before. */
  peak = 0;
  peakBefore = 0;
  /** The end of its last activation; means nothing while it is busy. */
  idleSince = 0;
  /** Whether containers were started for its next invocation. */
  warmed = false;
  readonly #worthMs: number;
  /** Missing until the first idle time has ended: many actions are invoked only once. */
  #histogram: IdleHistogram | undefined;

  constructor(worthMs: number) {
    this.#worthMs = worthMs;
  }

  /** Begins a busy period. */
  begin(now: number): void {
    (this.#histogram ??= new IdleHistogram(this.#worthMs)).add(now - this.idleSince);
    this.peakBefore = this.peak;
    this.peak = 0;
    this.warmed = false;
  }

  get windows(): IdleWindows | undefined {
    return this.#histogram?.windows;
  }
}
