import type { ColorChoice, Room } from '../../shared/colors/ColorPolicy.js';

/*
 * The placement of a colored invocation
 * =====================================
 *
 * A policy gives each color an order of invokers; the first one is its home. A colored invocation may wait for a short
 * time:
 *
 *   1. It goes to its home if the expected wait is within its patience.
 *   2. Otherwise it goes to the one of its first few homes with the shortest expected wait, if that is within its
 *      patience. Among homes without a wait it takes the least loaded one.
 *   3. Otherwise it goes to the first of its further choices with room, or to the invoker for an uncolored invocation.
 *   4. If no invoker has room, it goes to its home and waits.
 *
 * Example: the patience is 100 ms, the order is 4, 7, 1, 0, and the first three are homes. The expected wait is 120 ms
 * at invoker 4, 60 ms at 7 and 80 ms at 1: the invocation goes to 7. If the waits at 7 and 1 were over 100 ms and
 * invoker 0 had room, it would go to 0. If no invoker had room, it would go to 4.
 *
 * Trade-off: without patience, invocations leave a full home at once. On other invokers they miss the cache, take
 * longer and fill slots, so that more invocations leave their homes: a burst moves the system into a stable state with
 * few hits. A wait that is shorter than the cost of a miss prevents that. The price: uncolored invocations search one
 * step further when they meet such a home, and a hot color adds latency to other colors with the same home.
 *
 * With a patience of 0 an invocation goes to the first invoker in the order with room, or is placed like an uncolored
 * one.
 */

/*
 * How long an invocation is patient
 * =================================
 *
 * Leaving costs the invocation a miss. The color then takes the place of another one in the memory of the other
 * invoker, and that one misses later. So a wait is worth it up to two misses. The cost of a miss is learned for each
 * action: the mean duration of its runs that missed their color, less that of those that met it.
 *
 * Example: runs of an action take 60 ms if they meet their color and 360 ms if not. It is patient for 600 ms. With a
 * patience of 100 ms, or of two of its mostly short runs, its colors would leave their homes at a moderate load, and
 * each would make a miss of 300 ms there.
 *
 * Until the cost is known, and where it is little, the patience is the configured one, but at most two runs.
 */

/** The longest wait worth its cost while the cost of a miss is unknown, in runs of the action. */
const WORTH_RUNS = 2;
/** The longest wait worth its cost, in misses. */
const WORTH_MISSES = 2;

export interface Costs {
  /** The expected duration of a run, in ms. Missing: unknown. */
  readonly durationMs?: number | undefined;
  /** The time that a run takes longer if it misses its color, in ms. Missing: unknown. */
  readonly missCostMs?: number | undefined;
}

/**
 * The patience of an invocation in ms, without a patience of its own.
 *
 * Example: with a patience of 100 ms, an action with a mean duration of 8 ms waits at most 16 ms, and an action with a
 * mean duration of 300 ms waits at most 100 ms. If a miss costs the second one 250 ms, it waits at most 500 ms.
 *
 * @param patienceMs the configured patience; 0: none at all.
 * @param limitMs the longest patience for what a miss costs.
 */
export function worthwhile(
  patienceMs: number,
  limitMs: number,
  { durationMs = Infinity, missCostMs = 0 }: Costs,
): number {
  if (patienceMs <= 0) return 0;
  return Math.max(Math.min(patienceMs, WORTH_RUNS * durationMs), Math.min(limitMs, WORTH_MISSES * missCostMs));
}

/** The state of the invokers for one invocation. */
export interface Waits {
  isUp(invoker: number): boolean;
  /** The expected wait of the invocation on this invoker, in ms; 0 with room. */
  expectedWait(invoker: number): number;
  /** The load of the invoker: 0 or more, only for comparison. */
  load(invoker: number): number;
  /** Whether the color may use the invoker now. An invoker that returns gets its colors step by step. */
  admits(invoker: number): boolean;
}

const NOWHERE = -1;

/**
 * Decides on one invocation after the other: it answers the policy's queries and keeps the best home so far. One object
 * serves all invocations, since this is the hot path.
 */
export class PatientRoom implements Pick<Room, 'accepts'> {
  readonly #waits: Waits;
  #patienceMs = 0;
  #homes = 1;
  #first = NOWHERE;
  #best = NOWHERE;
  #bestRank = 0;
  #bestWait = 0;
  #bestLoad = 0;

  constructor(waits: Waits) {
    this.#waits = waits;
  }

  /**
   * Starts with a new invocation.
   * @param patienceMs the longest acceptable expected wait.
   * @param homes the number of invokers, from the start of the order, where it may wait.
   */
  begin(patienceMs: number, homes: number): void {
    this.#patienceMs = patienceMs;
    this.#homes = homes;
    this.#first = NOWHERE;
    this.#best = NOWHERE;
  }

  accepts(invoker: number, rank: number): boolean {
    const waits = this.#waits;
    if (!waits.isUp(invoker) || !waits.admits(invoker)) return false;
    if (this.#first === NOWHERE) this.#first = invoker;
    const wait = waits.expectedWait(invoker);
    if (this.#patienceMs <= 0) return wait === 0;
    if (rank === 0) return wait <= this.#patienceMs;
    if (rank >= this.#homes) return this.#best !== NOWHERE || wait === 0;
    if (wait <= this.#patienceMs) {
      const load = waits.load(invoker);
      const better = wait < this.#bestWait || (wait === this.#bestWait && load < this.#bestLoad);
      if (this.#best === NOWHERE || better) {
        this.#best = invoker;
        this.#bestRank = rank;
        this.#bestWait = wait;
        this.#bestLoad = load;
      }
    }
    return rank === this.#homes - 1 && this.#best !== NOWHERE;
  }

  /** The invoker for the policy's choice. One of the first homes may be better. */
  chosen(choice: ColorChoice | undefined): ColorChoice | undefined {
    if (this.#best === NOWHERE || choice?.rank === 0) return choice;
    return { invoker: this.#best, rank: this.#bestRank };
  }

  /** The invoker to wait on if no invoker has room; undefined: place it like an uncolored invocation. */
  get shelter(): number | undefined {
    return this.#patienceMs > 0 && this.#first !== NOWHERE ? this.#first : undefined;
  }
}
