/*
 * This file imports nothing: `Lifecycle.ts` loads it before everything else.
 */

/**
 * The result of `work` if it settles within `limitMs`, and else what `late` returns or throws. The work itself goes on;
 * a result or an error after the limit is ignored. What has happened by then counts, even if this process was too busy, or
 * frozen, to notice it in time.
 *
 * @param limitMs from 0; infinite: no limit.
 */
export async function within<T, L>(work: Promise<T>, limitMs: number, late: () => L): Promise<T | Awaited<L>> {
  if (limitMs === Number.POSITIVE_INFINITY) return work;
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<typeof LATE>((resolve) => {
    // Timers come before the input that has arrived: look at that first.
    timer = setTimeout(() => setImmediate(() => resolve(LATE)), limitMs);
  });
  try {
    const first = await Promise.race([work, limit]);
    return first === LATE ? await late() : first;
  } finally {
    clearTimeout(timer);
  }
}

const LATE = Symbol('late');
