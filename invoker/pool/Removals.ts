import { setMaxListeners } from 'node:events';
import type { Logger } from '../../shared/logging/Logger.js';
import { backOff, retry } from '../../shared/process/retry.js';
import { within } from '../../shared/process/within.js';
import { TaskLimit } from '../containers/TaskLimit.js';

/** A container to remove, and the callbacks for the outcome. */
export interface Removal {
  /** The name in log lines. */
  readonly name: string;
  /** Makes one attempt. It is retried after a rejection. */
  readonly destroy: () => Promise<void>;
  /** Called when the first attempt fails. */
  readonly onFailure: () => void;
  readonly onRemoved: () => void;
}

/** In ms. */
export interface RemovalTimes {
  /** The limit for one attempt. */
  readonly attemptMs: number;
  /** The delay after the first failed attempt. It doubles with each attempt. */
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
}

const REMOVAL_TIMES: RemovalTimes = { attemptMs: 60_000, firstDelayMs: 1000, maxDelayMs: 60_000 };

/** The most concurrent removals. More would slow the engine down. */
const AT_ONCE = 8;

/** The number of failed attempts between two log lines about a container. */
const REPORT_EVERY = 10;

/** Removes containers, a few at a time. */
export class Removals {
  readonly #log: Logger;
  readonly #times: RemovalTimes;
  readonly #limit = new TaskLimit(AT_ONCE);
  readonly #pending = new Set<Promise<void>>();
  readonly #stopped = new AbortController();
  #failing = 0;

  constructor(log: Logger, times: RemovalTimes = REMOVAL_TIMES) {
    this.#log = log;
    this.#times = times;
    // Each container that waits for its next attempt listens: there are as many as the pool's memory holds.
    setMaxListeners(0, this.#stopped.signal);
  }

  /** The number of containers whose removal has failed and is being retried. */
  get failing(): number {
    return this.#failing;
  }

  add(removal: Removal): void {
    const removed = this.#remove(removal).finally(() => this.#pending.delete(removed));
    this.#pending.add(removed);
  }

  /** Waits at most `limitMs` for all removals, then gives up. Resolves to the number of remaining containers. */
  async finish(limitMs: number): Promise<number> {
    await within(Promise.all(this.#pending), limitMs, () => undefined);
    this.#stopped.abort();
    return this.#pending.size;
  }

  /** Retries until the container is gone or the pool ends, since the container uses its memory until then. Never rejects. */
  async #remove({ name, destroy, onFailure, onRemoved }: Removal): Promise<void> {
    const { attemptMs, firstDelayMs, maxDelayMs } = this.#times;
    const { signal } = this.#stopped;
    const attempt = async (failures: number): Promise<void> => {
      await this.#limit.run(() =>
        within(destroy(), attemptMs, () => {
          throw new Error(`the removal took more than ${attemptMs / 1000} s`);
        }),
      );
      if (failures > 0) this.#log.info(`removed container ${name} after ${failures} failed attempts`);
    };
    let failed = false;
    try {
      await retry(attempt, {
        delayMs: backOff(firstDelayMs, maxDelayMs),
        onFailure: (error, failures) => {
          if (!failed) {
            failed = true;
            this.#failing++;
            onFailure();
          }
          if (failures % REPORT_EVERY === 1) {
            this.#log.error(`could not remove container ${name}; retrying`, { error });
          }
        },
        signal,
        ref: false,
      });
    } catch (error) {
      this.#log.debug(`gave up the removal of container ${name}`, { error });
      return;
    }
    if (failed) this.#failing--;
    onRemoved();
  }
}
