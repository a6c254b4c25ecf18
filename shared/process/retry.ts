import { setTimeout as delay } from 'node:timers/promises';

export interface RetryOptions {
  /** How long to wait, in ms, after so many failures (1 after the first); undefined: give up with the last error. */
  delayMs(failures: number, error: unknown): number | undefined;
  /** Whether trying again cannot help: the error is thrown at once. */
  isFinal?(error: unknown): boolean;
  /** Called after each failure that is followed by another try. */
  onFailure?(error: unknown, failures: number): void;
  /** Ends the waiting between tries; its reason is thrown. A try that runs is not cut off. */
  readonly signal?: AbortSignal | undefined;
  /** False: work in the background, whose waits do not keep a process from ending. */
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

/** Delays that double from `firstMs` up to `maxMs`, for `tries` failures at most. */
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
