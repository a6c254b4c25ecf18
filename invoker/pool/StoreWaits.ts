import { backOff, retry } from '../../shared/process/retry.js';
import { StoreUnavailableError } from '../../shared/store/ArtifactStore.js';

/*
 * The states:
 *
 *   from      to        when
 *   waiting   stopped   the invoker stops: the pending waits end, and later ones end at once
 *   stopped   waiting   the invoker starts again
 */

/** The limits of the waits, in ms. */
export interface StoreWaitLimits {
  /** The longest wait of an activation, in all that it waits for. */
  readonly limitMs: number;
  /** What a wait gets at least, if earlier waits of the activation have used up that limit … */
  readonly leastMs: number;
  /** … up to this time in all. */
  readonly mostMs: number;
  readonly pauseMs: readonly [first: number, longest: number];
}

/**
 * They allow for one of the longest requests to the store (30 s), and for another try. With the limits of `/init` and `/run`, they end before
 * the controller gives up: after 60 s and twice the action's limit.
 */
const LIMITS: StoreWaitLimits = { limitMs: 40_000, leastMs: 10_000, mostMs: 55_000, pauseMs: [200, 1000] };

/** The invoker stopped before the store answered. The activation has not started. */
export class InvokerStopsError extends Error {
  override readonly name = 'InvokerStopsError';

  constructor() {
    super('the invoker stops');
  }
}

/** The waits of an invoker's activations for the store, and for memory for what it answers. */
export class StoreWaits {
  readonly #limits: StoreWaitLimits;
  /** Ends a pending wait. There are as many as activations that need the store. */
  readonly #ends = new Set<(error: Error) => void>();
  #stopped = false;

  constructor(limits: StoreWaitLimits = LIMITS) {
    this.#limits = limits;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** Lets reads wait again. */
  start(): void {
    this.#stopped = false;
  }

  /** Ends all waits with an `InvokerStopsError`, also those that begin later. */
  stop(): void {
    this.#stopped = true;
    for (const end of this.#ends) end(new InvokerStopsError());
  }

  /**
   * Repeats a read while the store does not answer. A pending read is left to itself at the limit, and at the stop.
   * @param waitedMs how long the activation has waited before.
   * @throws StoreUnavailableError at the limit, InvokerStopsError, and any other error of the read.
   */
  async untilAnswered<R>(read: () => Promise<R>, waitedMs = 0): Promise<R> {
    const pause = backOff(...this.#limits.pauseMs);
    // Most reads need none of it: the store's cache answers.
    let repeats: AbortController | undefined;
    let over = false;
    let cause: unknown;
    const delayMs = (failures: number, error: unknown): number | undefined => {
      cause = error;
      return error instanceof StoreUnavailableError ? pause(failures) : undefined;
    };
    const answered = async (): Promise<R> => {
      try {
        return await read();
      } catch (error) {
        if (over || !(error instanceof StoreUnavailableError)) throw error;
        cause = error;
      }
      repeats = new AbortController();
      return retry(read, { delayMs, signal: repeats.signal });
    };
    return this.within(answered, waitedMs, {
      late: (ms) => new StoreUnavailableError(`the store did not answer within ${ms / 1000} s`, { cause }),
      onEnd: (error) => {
        over = true;
        repeats?.abort(error);
      },
    });
  }

  /**
   * Waits for anything within the limits. What is pending is left to itself at the limit, and at the stop.
   * @param waitedMs how long the activation has waited before.
   * @param how `late` makes the error at the limit, from the time in ms; `onEnd` is called at the limit and at the stop.
   * @throws InvokerStopsError, and any error of the wait.
   */
  async within<R>(
    wait: () => Promise<R>,
    waitedMs: number,
    how: { readonly late: (ms: number) => Error; readonly onEnd?: (error: Error) => void },
  ): Promise<R> {
    if (this.#stopped) throw new InvokerStopsError();
    const { limitMs, leastMs, mostMs } = this.#limits;
    const patienceMs = Math.min(Math.max(leastMs, limitMs - waitedMs), mostMs - waitedMs);
    if (patienceMs <= 0) throw how.late(0);
    let end: (error: Error) => void = () => undefined;
    const ended = new Promise<never>((_, reject) => {
      end = (error) => {
        how.onEnd?.(error);
        reject(error);
      };
    });
    this.#ends.add(end);
    const limit = setTimeout(() => end(how.late(patienceMs)), patienceMs);
    try {
      return await Promise.race([wait(), ended]);
    } finally {
      clearTimeout(limit);
      this.#ends.delete(end);
    }
  }
}
