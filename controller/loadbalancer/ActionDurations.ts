/** The expected duration of an action before its first invocation has ended, in ms. */
const UNKNOWN_MS = 100;
/** The weight of the newest duration in the running average. */
const NEWEST = 0.1;
/** A duration counts at most as this multiple of the average: one long invocation does not predict the next one. */
const OUTLIER = 8;
/** The most actions to keep; the least recently used one is removed. */
const MAX_ACTIONS = 10_000;

/**
 * The running average of each action's duration, in ms.
 *
 * Example: the average is 40 ms, and an invocation takes 60 s. It counts as 8 · 40 ms, and the average rises to
 * 0.9 · 40 + 0.1 · 320 = 68 ms.
 */
export class ActionDurations {
  readonly #averages = new Map<string, number>();

  /** @param action name and version. */
  of(action: string): number {
    return this.#averages.get(action) ?? UNKNOWN_MS;
  }

  /** @param durationMs the duration of an invocation that ended, without its time in queues. */
  note(action: string, durationMs: number): void {
    const before = this.#averages.get(action);
    if (before === undefined) {
      const [oldest] = this.#averages.keys();
      if (this.#averages.size >= MAX_ACTIONS && oldest !== undefined) this.#averages.delete(oldest);
      this.#averages.set(action, durationMs);
      return;
    }
    // Count at least 1 ms: with an average of zero every longer duration would count as zero.
    const counted = Math.min(durationMs, OUTLIER * Math.max(1, before));
    this.#averages.set(action, before + NEWEST * (counted - before));
  }
}
