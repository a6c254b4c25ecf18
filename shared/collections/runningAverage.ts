/** The weight of the newest value. */
const NEWEST = 0.1;
/** A value counts at most as this multiple of the average: one long call does not predict the next one. */
const OUTLIER = 8;

/**
 * The running average of durations in ms, after another one.
 *
 * Example: the average is 40 ms, and an invocation takes 60 s. It counts as 8 · 40 ms, and the average rises to
 * 0.9 · 40 + 0.1 · 320 = 68 ms.
 *
 * @param before undefined at the first duration.
 */
export function averageAfter(before: number | undefined, durationMs: number): number {
  if (before === undefined) return durationMs;
  // Count at least 1 ms: with an average of zero every longer duration would count as zero.
  return before + NEWEST * (Math.min(durationMs, OUTLIER * Math.max(1, before)) - before);
}
