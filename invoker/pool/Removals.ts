import type { Logger } from '../../shared/logging/Logger.js';
import { within } from '../../shared/process/within.js';
import { TaskLimit } from '../containers/TaskLimit.js';

/** A container to remove, and who hears what came of it. */
export interface Removal {
  /** As log lines name it. */
  readonly name: string;
  /** One attempt. Where it rejects, it is tried again. */
  readonly destroy: () => Promise<void>;
  /** The first attempt failed. */
  readonly onFailure: () => void;
  readonly onRemoved: () => void;
}

/** In ms. */
export interface RemovalTimes {
  /** An attempt that takes longer counts as failed. */
  readonly attemptMs: number;
  /** The pause after the first failed attempt; it doubles with each. */
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
}

const REMOVAL_TIMES: RemovalTimes = { attemptMs: 60_000, firstDelayMs: 1000, maxDelayMs: 60_000 };

/** More at once make an engine slower, not faster. */
const AT_ONCE = 8;

/** Every so many failed attempts the log says again that a container is still there. */
const REPORT_EVERY = 10;

/**
 * Removes containers, a few at a time. It tries until a container is gone or the pool ends, since its memory is used until
 * then.
 */
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
  }

  /** Containers whose removal failed at least once, and that are still there. */
  get failing(): number {
    return this.#failing;
  }

  add(removal: Removal): void {
    const removed = this.#remove(removal).finally(() => this.#pending.delete(removed));
    this.#pending.add(removed);
  }

  /** Waits for all removals, at most `limitMs`, then gives up those that are left; resolves to how many these are. */
  async finish(limitMs: number): Promise<number> {
    await within(Promise.all(this.#pending), limitMs, () => undefined);
    this.#stopped.abort();
    return this.#pending.size;
  }

  async #remove(removal: Removal): Promise<void> {
    const { attemptMs } = this.#times;
    for (let failures = 0; !this.#stopped.signal.aborted;) {
      try {
        await this.#limit.run(() =>
          within(removal.destroy(), attemptMs, () => {
            throw new Error(`the removal took more than ${attemptMs / 1000} s`);
          }),
        );
        if (failures > 0) {
          this.#failing--;
          this.#log.info(`container ${removal.name} is removed, after ${failures} failed attempts`);
        }
        removal.onRemoved();
        return;
      } catch (error) {
        if (failures === 0) {
          this.#failing++;
          removal.onFailure();
        }
        if (failures % REPORT_EVERY === 0) {
          this.#log.error(`container ${removal.name} was not removed; it is tried again`, { error });
        }
        await this.#pause(this.#times.firstDelayMs * 2 ** Math.min(failures, 30));
        failures++;
      }
    }
  }

  #pause(ms: number): Promise<void> {
    const { signal } = this.#stopped;
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.min(ms, this.#times.maxDelayMs));
      timer.unref();
      if (signal.aborted) resolve();
      signal.addEventListener(
        'abort',
        () => {
          clearTimeout(timer);
          resolve();
        },
        { once: true },
      );
    });
  }
}
