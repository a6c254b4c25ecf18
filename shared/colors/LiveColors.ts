import type { Weight } from './ColorPolicy.js';
import { MinTree } from './MinTree.js';

/** The additional share of new colors that a newcomer gets while it catches up. */
const CATCH_UP = 0.2;
/** The most arrears to reduce for one new color. With more newcomers, they shrink in fewer and larger steps. */
const MOST_ARREARS = 8;

/**
 * Counts the live colors with their home on each invoker, and chooses the invoker for a new color: the one with the
 * fewest colors for its weight.
 *
 * A newcomer has no colors, so by that rule alone it would get every new color until it caught up, and all chains of a
 * graph would run there. So it starts with *arrears*: the mean number of the others' colors counts as its own. With
 * each new color anywhere, its arrears shrink by a fifth of its share of that color. So it gets 1.2 times its share of
 * the new colors until it has caught up. An invoker that returns starts with arrears, too.
 *
 * Example: two invokers have 10 live colors each, and a third one joins with arrears of 10. Each of them gets one of
 * the next three colors, and the arrears are 9.8 then. After about 75 new colors the third one has got 30, the others
 * 22 or 23.
 */
export class LiveColors {
  #counts = new Int32Array(16);
  #weights = new Float64Array(16);
  #arrears = new Float64Array(16);
  /** Live colors and arrears, divided by the weight. */
  #levels = new Float64Array(16);
  readonly #members = new Set<number>();
  readonly #unhealthy = new Set<number>();
  readonly #behind = new Set<number>();
  /** The members that may get new colors: the healthy ones, or all if none is healthy. */
  #candidates: readonly number[] = [];
  /** The index of each invoker among the candidates; -1: it is not a candidate. */
  #positions = new Int32Array(16).fill(-1);
  /** The candidates' levels: a new color must not compare all of them. */
  #least = new MinTree([]);
  #totalWeight = 0;
  /** The number of new colors for which arrears have not shrunk yet. */
  #owed = 0;

  of(invoker: number): number {
    return this.#counts[invoker] ?? 0;
  }

  /** The invokers with live colors, members or not. */
  owners(): number[] {
    return [...this.#counts.keys()].filter((invoker) => this.of(invoker) > 0);
  }

  add(invoker: number): void {
    if (invoker >= this.#counts.length) this.#grow(invoker);
    this.#counts[invoker] = this.of(invoker) + 1;
    this.#relevel(invoker);
  }

  remove(invoker: number): void {
    this.#counts[invoker] = this.of(invoker) - 1;
    this.#relevel(invoker);
  }

  join(invokers: readonly number[]): void {
    const fresh = invokers.filter((invoker) => !this.#members.has(invoker));
    if (fresh.length === 0) return;
    const level = this.#level();
    for (const invoker of fresh) {
      if (invoker >= this.#counts.length) this.#grow(invoker);
      this.#members.add(invoker);
      this.#fallBehind(invoker, level);
    }
    this.#recount();
  }

  leave(invoker: number): void {
    this.#members.delete(invoker);
    this.#unhealthy.delete(invoker);
    this.#behind.delete(invoker);
    if (invoker < this.#arrears.length) {
      this.#arrears[invoker] = 0;
      this.#relevel(invoker);
    }
    this.#recount();
  }

  setHealthy(invoker: number, healthy: boolean): void {
    if (!healthy) this.#unhealthy.add(invoker);
    else if (this.#unhealthy.delete(invoker) && this.#members.has(invoker)) this.#fallBehind(invoker, this.#level());
    this.#recount();
  }

  weigh(weights: readonly Weight[]): void {
    for (const { invoker, weight } of weights) {
      if (invoker >= this.#counts.length) this.#grow(invoker);
      this.#weights[invoker] = weight;
      this.#relevel(invoker);
    }
    this.#recount();
  }

  /** Reduces arrears to the distance to the mean, which is smaller after colors expired on other invokers. */
  limitArrears(): void {
    const level = this.#level();
    for (const invoker of this.#behind) this.#fallBehind(invoker, Math.min(level, this.#levels[invoker] ?? 0));
  }

  /**
   * Gives a new color to the candidate with the fewest live colors for its weight. Among equal candidates it takes the
   * first one from `point` on, so that controllers with different new colors choose different invokers.
   * @returns undefined without members.
   */
  least(point: number): number | undefined {
    const candidates = this.#candidates;
    const found = this.#least.least(point % Math.max(1, candidates.length));
    if (found === undefined) return undefined;
    this.#owed++;
    if (this.#owed * MOST_ARREARS >= this.#behind.size) this.#shrinkArrears();
    return candidates[found];
  }

  #shrinkArrears(): void {
    const each = (CATCH_UP * this.#owed) / this.#totalWeight;
    this.#owed = 0;
    for (const invoker of this.#behind) {
      const left = (this.#arrears[invoker] ?? 0) - each * this.#weightOf(invoker);
      this.#arrears[invoker] = Math.max(0, left);
      this.#relevel(invoker);
      if (left <= 0) this.#behind.delete(invoker);
    }
  }

  #relevel(invoker: number): void {
    const level = this.#withArrears(invoker) / this.#weightOf(invoker);
    this.#levels[invoker] = level;
    const position = this.#positions[invoker] ?? -1;
    if (position >= 0) this.#least.set(position, level);
  }

  #withArrears(invoker: number): number {
    return this.of(invoker) + (this.#arrears[invoker] ?? 0);
  }

  /** The candidates' mean level. */
  #level(): number {
    let total = 0;
    for (const invoker of this.#candidates) total += this.#withArrears(invoker);
    return this.#totalWeight > 0 ? total / this.#totalWeight : 0;
  }

  #fallBehind(invoker: number, level: number): void {
    const arrears = level * this.#weightOf(invoker) - this.of(invoker);
    this.#arrears[invoker] = Math.max(0, arrears);
    this.#relevel(invoker);
    if (arrears > 0) this.#behind.add(invoker);
    else this.#behind.delete(invoker);
  }

  #weightOf(invoker: number): number {
    return this.#weights[invoker] || 1;
  }

  #recount(): void {
    const healthy = [...this.#members].filter((invoker) => !this.#unhealthy.has(invoker));
    this.#candidates = (healthy.length > 0 ? healthy : [...this.#members]).toSorted((a, b) => a - b);
    this.#totalWeight = 0;
    this.#positions.fill(-1);
    this.#candidates.forEach((invoker, position) => {
      this.#totalWeight += this.#weightOf(invoker);
      this.#positions[invoker] = position;
    });
    this.#least = new MinTree(this.#candidates.map((invoker) => this.#levels[invoker] ?? 0));
  }

  #grow(top: number): void {
    const size = (top + 1) * 2;
    const [counts, weights, arrears, levels] = [this.#counts, this.#weights, this.#arrears, this.#levels];
    const positions = this.#positions;
    (this.#counts = new Int32Array(size)).set(counts);
    (this.#weights = new Float64Array(size)).set(weights);
    (this.#arrears = new Float64Array(size)).set(arrears);
    (this.#levels = new Float64Array(size)).set(levels);
    (this.#positions = new Int32Array(size).fill(-1)).set(positions);
  }
}
