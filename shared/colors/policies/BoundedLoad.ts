import type { ColorChoice, PolicyOptions, Room, Weight } from '../ColorPolicy.js';
import { ConsistentHashing } from './ConsistentHashing.js';

/**
 * Consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam, 2016): a color goes to the first invoker after
 * its point that has less than `loadFactor` times its share of the invocations in flight, this one counted. A hot color
 * grows its set of homes before any of them is full. Invokers at the bound are passed over, however many they are: only
 * those that are asked for room count as choices. Loads are what this controller sees: two controllers agree on the home
 * and on the order of the next choices, and may differ in how far a color has spilled.
 *
 * The bound has a floor, `loadFloor`: with fewer invocations in flight than invokers the bound alone would be one or two, and
 * each color would go round the invokers.
 *
 * An example: 4 invokers of equal weight with 5, 0, 2 and 2 invocations in flight, a factor of 1.25 and a floor of 1. With
 * the new one there are 10, 2.5 on the mean, so that the bound is ⌈1.25 · 2.5⌉ = 4: the first invoker gets no more, the others
 * do. With a floor of 6 the first one still gets it.
 */
export class BoundedLoad extends ConsistentHashing {
  override readonly name = 'bounded-load';
  readonly #options: PolicyOptions;
  readonly #unhealthy = new Set<number>();
  readonly #weights = new Map<number, number>();
  /** Of the members that are healthy; undefined: to be counted. */
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
    const each = (loadFactor * (room.totalUnderWay + 1)) / Math.max(1e-9, this.#totalWeight());
    return (
      this.ring.walk(point, choices, (invoker, rank) => {
        const bound = Math.max(loadFloor, Math.ceil(each * (this.#weights.get(invoker) ?? 1)));
        return room.underWay(invoker) < bound ? room.accepts(invoker, rank) : undefined;
      }) ??
      // Those under the bound that it may ask are without room: room comes before evenness.
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
