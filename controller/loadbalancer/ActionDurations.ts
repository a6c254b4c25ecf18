/** What an action is taken to last before one of its invocations has ended, in ms. */
const UNKNOWN_MS = 100;
/** The weight of the newest duration in the running average. */
const NEWEST = 0.1;
/** A duration counts for at most so many times the average: one long call says little of the next one. */
const OUTLIER = 8;
/** Actions that are remembered; the one met longest ago is forgotten. */
const MAX_ACTIONS = 10_000;

/**
 * The running average of each action's duration, in ms.
 *
 * An example: at an average of 40 ms an invocation takes 60 s. It counts as 8 · 40 ms, and the average rises to
 * 0.9 · 40 + 0.1 · 320 = 68 ms.
 */
export class ActionDurations {
  readonly #averages = new Map<string, number>();

  /** @param action name and version. */
  of(action: string): number {
    return this.#averages.get(action) ?? UNKNOWN_MS;
  }

  /** @param durationMs of an invocation that ended, without its time in queues. */
  note(action: string, durationMs: number): void {
    const before = this.#averages.get(action);
    if (before === undefined) {
      const [oldest] = this.#averages.keys();
      if (this.#averages.size >= MAX_ACTIONS && oldest !== undefined) this.#averages.delete(oldest);
      this.#averages.set(action, durationMs);
      return;
    }
    // At least a millisecond: an average of zero would keep every longer duration out.
    const counted = Math.min(durationMs, OUTLIER * Math.max(1, before));
    this.#averages.set(action, before + NEWEST * (counted - before));
  }
}
