/** The number of load reports after which an invoker counts as gone that only the shared table names. */
const PATIENCE = 30;

/**
 * Invokers that a shared table names as homes, and that have not pinged yet. A controller that just started meets the
 * invokers one by one. It must not give the colors of the missing invokers to the first ones. An invoker that never
 * pings is given up after a while.
 */
export class UnknownOwners {
  readonly #reports = new Map<number, number>();

  /** @returns the invokers that have been missing for too long. */
  missing(invokers: Iterable<number>): number[] {
    const gone: number[] = [];
    const now = new Set(invokers);
    for (const invoker of this.#reports.keys()) if (!now.has(invoker)) this.#reports.delete(invoker);
    for (const invoker of now) {
      const reports = (this.#reports.get(invoker) ?? 0) + 1;
      this.#reports.set(invoker, reports);
      if (reports >= PATIENCE) gone.push(invoker);
    }
    return gone;
  }
}
