import type { ColorChoice, PolicyOptions, Room, Weight } from '../ColorPolicy.js';
import { ConsistentHashing } from './ConsistentHashing.js';

/**
 * Consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam, 2016): a color goes to the first invoker
 * after its point with less than `loadFactor` times its share of the invocations in flight, including the new one. A
 * hot color spreads over more invokers before any of them is full. Invokers at the bound are skipped and do not count
 * as choices. Each controller counts its own load: controllers agree on the home and the order of the next choices, but
 * may differ in the chosen one.
 *
 * The bound is at least `loadFloor`: with fewer invocations in flight than invokers it would be one or two, and each
 * color would visit all invokers in turn.
 *
 * Example: 4 invokers of equal weight have 5, 0, 2 and 2 invocations in flight; the factor is 1.25 and the floor is 1.
 * With the new invocation there are 10, and the mean is 2.5, so the bound is ⌈1.25 · 2.5⌉ = 4: the first invoker gets
 * no more. With a floor of 6 the first invoker gets the invocation.
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
    const each = (loadFactor * (room.totalUnderWay + 1)) / Math.max(1e-9, this.#totalWeight());
    return (
      this.ring.walk(point, choices, (invoker, rank) => {
        const bound = Math.max(loadFloor, Math.ceil(each * (this.#weights.get(invoker) ?? 1)));
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
