/** After so many load reports an invoker that a shared table names, and that was never seen here, counts as gone. */
const PATIENCE = 30;

/**
 * Invokers that a table from other controllers, or from before a restart, names as homes, and that have not shown up here
 * yet. A controller that just started meets the invokers one by one: it must not give the colors of those that are
 * still to come to the first one. One that never comes is given up after a while.
 */
export class UnknownOwners {
  readonly #reports = new Map<number, number>();

  /** @returns those that have been missing for too long now. */
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
