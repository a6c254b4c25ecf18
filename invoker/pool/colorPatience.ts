import type { ContainerEntry } from './ContainerEntry.js';

/*
 * The wait of a colored activation for the container of its color
 * ===============================================================
 *
 * The controller may place an invocation on a busy home, within its patience (`controller/loadbalancer/patience.ts`). The
 * invoker has the same two levels: the activation waits for a busy container that recently served its color, if the
 * expected wait is within its patience. Otherwise it gets another container, or a new one.
 *
 * The expected wait is the rest of the container's run, and a mean run for each activation that waits for it already,
 * divided by the concurrency. A run that has lasted longer than the mean is expected to last as long again: so a long call
 * does not hold up its color.
 *
 * Example: the patience is 100 ms, and runs take 40 ms on average. Container A began 15 ms ago, and one activation waits for
 * it: 25 + 40 = 65 ms. Container B began 120 ms ago, longer than the average: 120 ms. The activation waits for A. If three
 * activations waited for A, 25 + 120 = 145 ms, it would get another container.
 *
 * The wait ends with the patience in any case, however wrong the expectation was.
 */

/** A shorter mean counts as this, in ms: otherwise any number of activations could wait for one container. */
const SHORTEST_MS = 1;

export interface Occupation {
  /** Since the start of the container's latest activation, in ms. */
  readonly elapsedMs: number;
  /** The average run of the action, in ms. */
  readonly meanMs: number;
  /** The number of activations that wait for the container. */
  readonly ahead: number;
  /** The number of activations that run in it at once. */
  readonly concurrency: number;
}

/** The expected time until a busy container has room for one more activation, in ms. */
export function expectedWait({ elapsedMs, meanMs, ahead, concurrency }: Occupation): number {
  const restMs = elapsedMs < meanMs ? meanMs - elapsedMs : elapsedMs;
  return (restMs + ahead * Math.max(SHORTEST_MS, meanMs)) / concurrency;
}

export interface HomesState<E> {
  /** Undefined: no run has ended yet. */
  readonly meanMs: number | undefined;
  readonly ahead: (home: E) => number;
  /** ms since the epoch. */
  readonly now: number;
}

/** The busy container with the shortest expected wait; undefined if that exceeds the patience, or is unknown. */
export function quickestHome<E extends ContainerEntry>(
  homes: readonly E[],
  { meanMs, ahead, now }: HomesState<E>,
  patienceMs: number,
): E | undefined {
  if (meanMs === undefined) return undefined;
  let best: E | undefined;
  let bestMs = patienceMs;
  for (const home of homes) {
    const elapsedMs = Math.max(0, now - home.lastAssigned);
    const waitMs = expectedWait({ elapsedMs, meanMs, ahead: ahead(home), concurrency: home.concurrency });
    if (waitMs > bestMs || (best && waitMs === bestMs)) continue;
    best = home;
    bestMs = waitMs;
  }
  return best;
}
