import type { PolicyOptions, Room } from '../ColorPolicy.js';
import type { Choice } from '../Ring.js';
import { ConsistentHashing } from './ConsistentHashing.js';

/**
 * Consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam, 2016): a color goes to the first invoker after
 * its point that has less than `loadFactor` times the mean number of invocations under way, this one counted. A hot color
 * grows its set of homes before any of them is full. Invokers at the bound are passed over, however many they are: only
 * those that are asked for room count as choices. Loads are what this controller sees: two controllers agree on the home
 * and on the order of the next choices, and may differ in how far a color has spilled.
 *
 * An example: 4 invokers with 5, 0, 2 and 2 invocations under way, and a factor of 1.25. With the new one there are 10,
 * 2.5 on the mean, so that the bound is ⌈1.25 · 2.5⌉ = 4: the first invoker gets no more, the others do.
 */
export class BoundedLoad extends ConsistentHashing {
  override readonly name = 'bounded-load';
  readonly #loadFactor: number;
  readonly #unhealthy = new Set<number>();

  constructor(options: PolicyOptions) {
    super(options);
    this.#loadFactor = options.loadFactor;
  }

  override becameHealthy(invoker: number, healthy: boolean): void {
    if (healthy) this.#unhealthy.delete(invoker);
    else this.#unhealthy.add(invoker);
  }

  override left(invoker: number): void {
    this.#unhealthy.delete(invoker);
    super.left(invoker);
  }

  protected override choose(point: number, room: Room, choices: number): Choice | undefined {
    const bound = Math.ceil(
      (this.#loadFactor * (room.totalUnderWay + 1)) / Math.max(1, this.ring.size - this.#unhealthy.size),
    );
    return (
      this.ring.walk(point, choices, (invoker) =>
        room.underWay(invoker) < bound ? room.accepts(invoker) : undefined,
      ) ??
      // Those under the bound that it may ask are without room: room comes before evenness.
      super.choose(point, room, choices)
    );
  }
}
