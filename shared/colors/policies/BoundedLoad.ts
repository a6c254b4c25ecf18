import type { ColorChoice, PolicyOptions, Room, Weight } from '../ColorPolicy.js';
import { ConsistentHashing } from './ConsistentHashing.js';

/** The deviations of arrivals by chance above the mean that an invoker may have in addition. */
const CHANCE = 3;

/**
 * Consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam, 2016): a color goes to the first invoker after
 * its point whose invocations in flight, including the new one, are within a bound. A hot color spreads over more invokers
 * before any of them is full. Invokers at the bound are skipped and do not count as choices. Each controller counts its
 * own load: controllers agree on the home and the order of the next choices, but may differ in the chosen one.
 *
 * The bound is `loadFactor` times the invoker's share of all invocations in flight, and three times the square root of the
 * share in addition: even if colors are equally hot, the number in flight varies by that root. Without the addition,
 * every invoker is at its bound now and then by chance alone. Its colors go elsewhere at that moment, so each color is in
 * the memory of several invokers, and there is room for fewer colors: at a mean of 5 that costs 11 points of the hit
 * ratio (`npm run bench:overload`).
 *
 * The bound is at least `loadFloor`: with fewer invocations in flight than invokers it would be four or five, and the
 * colors of an action with a few parallel invocations would leave their homes.
 *
 * Example: 4 invokers of equal weight have 160, 80, 80 and 79 invocations in flight; the factor is 1.25. With the new
 * invocation there are 400, and the share is 100, so the bound is ⌈1.25 · 100 + 3 · √100⌉ = 155: the first invoker gets no
 * more. With a floor of 200 the first invoker gets the invocation.
 */
export class BoundedLoad extends ConsistentHashing {
  override readonly name = 'bounded-load';
  readonly #options: PolicyOptions;
  readonly #unhealthy = new Set<number>();
  readonly #weights = new Map<number, number>();
  /** The total weight of the healthy members; undefined: to be computed. */
  #total: number | undefined;

  constructor(options: PolicyOptions) {
    super(options);
    this.#options = options;
  }

  override joined(invokers: readonly number[]): void {
    this.#total = undefined;
    super.joined(invokers);
  }

  override becameHealthy(invoker: number, healthy: boolean): void {
    this.#total = undefined;
    if (healthy) this.#unhealthy.delete(invoker);
    else this.#unhealthy.add(invoker);
  }

  override weigh(weights: readonly Weight[]): void {
    this.#total = undefined;
    for (const { invoker, weight } of weights) this.#weights.set(invoker, weight);
    super.weigh(weights);
  }

  override left(invoker: number): void {
    this.#total = undefined;
    this.#unhealthy.delete(invoker);
    this.#weights.delete(invoker);
    super.left(invoker);
  }

  protected override choose(point: number, room: Room, choices: number): ColorChoice | undefined {
    const { loadFactor, loadFloor } = this.#options;
    const each = (room.totalUnderWay + 1) / Math.max(1e-9, this.#totalWeight());
    return (
      this.ring.walk(point, choices, (invoker, rank) => {
        const share = each * (this.#weights.get(invoker) ?? 1);
        const bound = Math.max(loadFloor, Math.ceil(loadFactor * share + CHANCE * Math.sqrt(share)));
        return room.underWay(invoker) < bound ? room.accepts(invoker, rank) : undefined;
      }) ??
      // The choices below the bound have no room: room is more important than balance.
      super.choose(point, room, choices)
    );
  }

  #totalWeight(): number {
    if (this.#total === undefined) {
      this.#total = 0;
      for (const member of this.ring.members) {
        if (!this.#unhealthy.has(member)) this.#total += this.#weights.get(member) ?? 1;
      }
    }
    return this.#total;
  }
}
