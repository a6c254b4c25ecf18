import type { ColorChoice, Room } from '../../shared/colors/ColorPolicy.js';

/*
 * Where a colored invocation goes
 * ===============================
 *
 * The statement. A policy gives each color an order of invokers; the first is its home. A color is worth a short wait:
 *
 *   1. It goes home if it is expected to wait there no longer than its patience.
 *   2. Else it goes to the one of its first few homes with the shortest expected wait, if that is within the patience;
 *      of those without a wait, to the least loaded.
 *   3. Else it goes to the first of its further choices that has room, else where an uncolored one finds room.
 *   4. If nothing has room it goes home and waits.
 *
 * An example: a patience of 100 ms and three homes; its order is 4, 7, 1, 0. At invoker 4 it would wait 120 ms, at 7 60 ms
 * and at 1 80 ms: it goes to 7. If 7 and 1 had waits of over 100 ms and 0 had room, it would go to 0. If nothing had room it
 * would go to 4.
 *
 * What it trades. Without patience a home that is full passes invocations on at once. Elsewhere they find nothing in memory,
 * take longer, and fill slots there, so that more invocations are passed on: a burst moves the system into a state with few
 * hits that keeps itself up. A wait that is shorter than what the miss costs ends that. Its price: uncolored invocations that
 * meet such a home search one step further, and a hot color adds to the latency of others that have the same home.
 *
 * A patience of 0 passes invocations on at once: the first invoker in the order with room, else as if it had no color.
 */

/** A wait that is longer than so many runs of the action costs more than what it may save. */
const WORTH_RUNS = 2;

/**
 * The patience of an invocation, in ms: as configured, but no longer than two runs of its action.
 *
 * An example: with a patience of 100 ms, an action that takes 8 ms on the mean waits for at most 16 ms, one that takes 300 ms for
 * 100 ms.
 */
export function worthwhile(patienceMs: number, durationMs = Infinity): number {
  return Math.min(patienceMs, WORTH_RUNS * durationMs);
}

/** What the decision knows of the invokers, for one invocation. */
export interface Waits {
  isUp(invoker: number): boolean;
  /** How long the invocation would wait there, in ms; 0 with room. */
  expectedWait(invoker: number): number;
  /** From 0 up: how full the invoker is. Compared only. */
  load(invoker: number): number;
  /** Whether the color may use the invoker now; an invoker that just came back gets its colors bit by bit. */
  admits(invoker: number): boolean;
}

const NOWHERE = -1;

/**
 * The decision for one invocation after the other: it answers the policy's questions, and remembers what it may want to
 * come back to. One object for all invocations, since it is on the way of each.
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
   * Begins with an invocation.
   * @param patienceMs the longest wait to be expected.
   * @param homes how many invokers of the order may make it wait.
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

  /** The invoker for what the policy chose: one of the first homes may be better. */
  chosen(choice: ColorChoice | undefined): ColorChoice | undefined {
    if (this.#best === NOWHERE || choice?.rank === 0) return choice;
    return { invoker: this.#best, rank: this.#bestRank };
  }

  /** Where it waits if nothing has room; undefined if it goes where an uncolored one would. */
  get shelter(): number | undefined {
    return this.#patienceMs > 0 && this.#first !== NOWHERE ? this.#first : undefined;
  }
}
