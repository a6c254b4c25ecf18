import { averageAfter } from '../../shared/collections/runningAverage.js';

/** The expected duration of an action before its first invocation has ended, in ms. */
const UNKNOWN_MS = 100;
/** The most actions to keep; the least recently used one is removed. */
const MAX_ACTIONS = 10_000;
/** The least number of runs with a color, met and missed each, from which the cost of a miss is known. */
const ENOUGH = 5;

/** Running averages in ms: see `averageAfter`. */
interface Averages {
  /** Of all runs. */
  all: number;
  /** Of runs that met their color, and of those that missed it. Undefined: there was none. */
  met: number | undefined;
  missed: number | undefined;
  mets: number;
  misses: number;
}

/** The running averages of each action's durations. */
export class ActionDurations {
  /** The least recently used action first. */
  readonly #averages = new Map<string, Averages>();
  #newest: string | undefined;

  /** The expected duration in ms. @param action name and version. */
  of(action: string): number {
    return this.#averages.get(action)?.all ?? UNKNOWN_MS;
  }

  /**
   * The time that a run which misses its color takes longer than one that meets it, in ms: 0 or more. Undefined: there
   * were too few of either.
   */
  missCostOf(action: string): number | undefined {
    const averages = this.#averages.get(action);
    if (averages?.met === undefined || averages.missed === undefined) return undefined;
    if (averages.mets < ENOUGH || averages.misses < ENOUGH) return undefined;
    return Math.max(0, averages.missed - averages.met);
  }

  /**
   * @param durationMs the duration of an invocation that ended, without its time in queues.
   * @param met whether it met its color. Undefined: it has none, or its duration does not tell what a miss costs.
   */
  note(action: string, durationMs: number, met?: boolean): void {
    const averages = this.#averages.get(action) ?? this.#added(durationMs);
    // Each invocation ends here: most of them are of the action before.
    if (action !== this.#newest) {
      this.#averages.delete(action);
      this.#averages.set(action, averages);
      this.#newest = action;
    }
    averages.all = averageAfter(averages.all, durationMs);
    if (met === true) {
      averages.met = averageAfter(averages.met, durationMs);
      averages.mets++;
    } else if (met === false) {
      averages.missed = averageAfter(averages.missed, durationMs);
      averages.misses++;
    }
  }

  /** The averages of a new action, in the place of the least recently used one if there are too many. */
  #added(durationMs: number): Averages {
    const [oldest] = this.#averages.size >= MAX_ACTIONS ? this.#averages.keys() : [];
    if (oldest !== undefined) this.#averages.delete(oldest);
    return { all: durationMs, met: undefined, missed: undefined, mets: 0, misses: 0 };
  }
}
