const MINUTE_MS = 60_000;

/**
 * Counts requests of namespaces in the current minute of the clock. A refused request counts too. A new minute removes
 * the counts of the last.
 */
export class MinuteCounter {
  #minute = Number.NaN;
  readonly #counts = new Map<string, number>();

  /** Counts one for `key` and returns the count of this minute, this one included. `now` in ms since the epoch. */
  increment(key: string, now: number): number {
    const minute = Math.floor(now / MINUTE_MS);
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#counts.clear();
    }
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    return count;
  }
}
