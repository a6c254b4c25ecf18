import { setTimeout as delay } from 'node:timers/promises';

export interface RetryOptions {
  /** The delay in ms after a number of failures (1 after the first one); undefined: give up with the last error. */
  delayMs(failures: number, error: unknown): number | undefined;
  /** Whether a retry cannot help. Then the error is thrown at once. */
  isFinal?(error: unknown): boolean;
  /** Called after each failure that is followed by a retry. */
  onFailure?(error: unknown, failures: number): void;
  /** Ends the wait between attempts and throws the signal's reason. Does not abort a running attempt. */
  readonly signal?: AbortSignal | undefined;
  /** False: the waits do not keep the process alive, for background work. */
  readonly ref?: boolean | undefined;
  /** For tests. */
  readonly sleep?: ((ms: number, signal: AbortSignal | undefined) => Promise<unknown>) | undefined;
}

/** Calls `attempt` until it succeeds. @throws the last error, or the reason of an aborted signal. */
export async function retry<R>(attempt: (failures: number) => Promise<R>, options: RetryOptions): Promise<R> {
  const { signal, ref = true, sleep = (ms) => sleepUnlessAborted(ms, signal, ref) } = options;
  for (let failures = 0; ;) {
    signal?.throwIfAborted();
    try {
      return await attempt(failures);
    } catch (error) {
      failures++;
      signal?.throwIfAborted();
      const wait = options.isFinal?.(error) === true ? undefined : options.delayMs(failures, error);
      if (wait === undefined) throw error;
      options.onFailure?.(error, failures);
      await sleep(wait, signal);
    }
  }
}

/** Delays that double from `firstMs` up to `maxMs`, for at most `tries` failures. */
export const backOff =
  (firstMs: number, maxMs: number, tries = Number.POSITIVE_INFINITY) =>
  (failures: number): number | undefined =>
    failures > tries ? undefined : Math.min(maxMs, firstMs * 2 ** (failures - 1));

async function sleepUnlessAborted(ms: number, signal: AbortSignal | undefined, ref: boolean): Promise<void> {
  try {
    await delay(ms, undefined, { signal, ref });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
