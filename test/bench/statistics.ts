/** Quantiles of durations in ms. */
export interface Latencies {
  readonly samples: readonly number[];
  readonly p50: number;
  readonly p99: number;
}

/** Sorts the samples (ms) and takes their quantiles by nearest rank. */
export function latencies(samples: readonly number[]): Latencies {
  const sorted = samples.toSorted((a, b) => a - b);
  return { samples: sorted, p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) };
}

/** The nearest-rank quantile of ascending values; NaN of none. */
export function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)] ?? NaN;
}

/** Runs `task` one after the other; the duration of each in ms. */
export async function timed(count: number, task: (index: number) => Promise<void>): Promise<number[]> {
  const samples: number[] = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    await task(i);
    samples.push(performance.now() - start);
  }
  return samples;
}

/** Runs `task` on `connections` at once for `ms`; completed tasks a second. */
export async function throughput(
  connections: number,
  ms: number,
  task: (connection: number) => Promise<void>,
): Promise<number> {
  const start = performance.now();
  let done = 0;
  await Promise.all(
    Array.from({ length: connections }, async (_, connection) => {
      while (performance.now() - start < ms) {
        await task(connection);
        done++;
      }
    }),
  );
  return done / ((performance.now() - start) / 1000);
}
