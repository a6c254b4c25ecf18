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
  /** The longest wait of an activation for the store, in all its reads. */
  readonly limitMs: number;
  /** What a read gets at least, if earlier reads of the activation have used up that limit. */
  readonly leastMs: number;
  readonly pauseMs: readonly [first: number, longest: number];
}

/**
 * They allow for one of the longest requests to the store (30 s), and for another try. With the limits of `/init` and `/run`, they end before
 * the controller gives up: after 60 s and twice the action's limit.
 */
const LIMITS: StoreWaitLimits = { limitMs: 40_000, leastMs: 10_000, pauseMs: [200, 1000] };

/** The invoker stopped before the store answered. The activation has not started. */
export class InvokerStopsError extends Error {
  override readonly name = 'InvokerStopsError';

  constructor() {
    super('the invoker stops');
  }
}

/** The waits of an invoker for a store that does not answer. */
export class StoreWaits {
  readonly #limits: StoreWaitLimits;
  /** Ends a pending wait. There are as many as activations that need the store. */
  readonly #ends = new Set<(error: Error) => void>();
  #stopped = false;

  constructor(limits: StoreWaitLimits = LIMITS) {
    this.#limits = limits;
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
   * @param waitedMs how long the activation has waited for the store before.
   * @throws StoreUnavailableError at the limit, InvokerStopsError, and any other error of the read.
   */
  async untilAnswered<R>(read: () => Promise<R>, waitedMs = 0): Promise<R> {
    if (this.#stopped) throw new InvokerStopsError();
    const { limitMs, leastMs, pauseMs } = this.#limits;
    const patienceMs = Math.max(leastMs, limitMs - waitedMs);
    const pause = backOff(...pauseMs);
    // Most reads need none of it: the store's cache answers.
    let repeats: AbortController | undefined;
    let over = false;
    let cause: unknown;
    let end: (error: Error) => void = () => undefined;
    const ended = new Promise<never>((_, reject) => {
      end = (error) => {
        over = true;
        repeats?.abort(error);
        reject(error);
      };
    });
    this.#ends.add(end);
    const limit = setTimeout(() => {
      end(new StoreUnavailableError(`the store did not answer within ${patienceMs / 1000} s`, { cause }));
    }, patienceMs);
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
    try {
      return await Promise.race([answered(), ended]);
    } finally {
      clearTimeout(limit);
      this.#ends.delete(end);
    }
  }
}
