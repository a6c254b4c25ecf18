const MINUTE_MS = 60_000;

/**
 * Counts the requests of namespaces in the current minute of the clock. Refused requests count, too. The counts start
 * again at zero with each minute.
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
