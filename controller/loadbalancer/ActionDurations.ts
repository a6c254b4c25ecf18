import { averageAfter } from '../../shared/collections/runningAverage.js';

/** The expected duration of an action before its first invocation has ended, in ms. */
const UNKNOWN_MS = 100;
/** The most actions to keep; the least recently used one is removed. */
const MAX_ACTIONS = 10_000;

/** The running average of each action's duration, in ms: see `averageAfter`. */
export class ActionDurations {
  readonly #averages = new Map<string, number>();

  /** @param action name and version. */
  of(action: string): number {
    return this.#averages.get(action) ?? UNKNOWN_MS;
  }

  /** @param durationMs the duration of an invocation that ended, without its time in queues. */
  note(action: string, durationMs: number): void {
    const before = this.#averages.get(action);
    if (before === undefined && this.#averages.size >= MAX_ACTIONS) {
      const [oldest] = this.#averages.keys();
      if (oldest !== undefined) this.#averages.delete(oldest);
    }
    // Deleted first, so that the least recently used action is the first one.
    this.#averages.delete(action);
    this.#averages.set(action, averageAfter(before, durationMs));
  }
}
