import { pointOf, type ColorKey } from '../colorKey.js';
import type { ColorChoice, ColorPolicy, PolicyOptions, Room, Weight } from '../ColorPolicy.js';
import { RecentColors } from '../RecentColors.js';
import { Ring } from '../Ring.js';

/**
 * Consistent hashing: every invoker has many points on a ring, and a color belongs to the invoker of the next point. It
 * needs no shared state: controllers that know the same invokers agree. When one of n invokers joins or leaves, only
 * its colors move, about 1/n of all. It cannot balance colors that are unequally hot.
 */
export class ConsistentHashing implements ColorPolicy {
  readonly name: 'consistent-hashing' | 'bounded-load' = 'consistent-hashing';
  readonly #options: PolicyOptions;
  readonly #recent = new RecentColors();
  protected readonly ring: Ring;
  #moves = 0;

  constructor(options: PolicyOptions) {
    this.#options = options;
    this.ring = new Ring(options.seed, options.virtualNodes);
  }

  get moves(): number {
    return this.#moves;
  }

  assign(color: ColorKey, room: Room): ColorChoice | undefined {
    const point = pointOf(color, this.#options.seed);
    this.#recent.see(color, point);
    return this.choose(point, room, this.#options.choices);
  }

  protected choose(point: number, room: Room, choices: number): ColorChoice | undefined {
    return this.ring.walk(point, choices, (invoker, rank) => room.accepts(invoker, rank));
  }

  joined(invokers: readonly number[]): void {
    this.#counting(() => this.ring.add(invokers));
  }

  weigh(weights: readonly Weight[]): void {
    this.#counting(() => this.ring.weigh(weights));
  }

  left(invoker: number): void {
    this.#counting(() => this.ring.remove(invoker));
  }

  becameHealthy(_invoker: number, _healthy: boolean): void {}

  homes(color: ColorKey): readonly number[] {
    const homes: number[] = [];
    this.ring.walk(pointOf(color, this.#options.seed), this.#options.choices, (invoker) => {
      homes.push(invoker);
      return false;
    });
    return homes;
  }

  census(): { invoker: number; colors: number }[] {
    const colors = new Map(this.ring.members.map((invoker) => [invoker, 0]));
    for (const color of this.#recent) {
      const home = this.#homeOf(color);
      if (home !== undefined) colors.set(home, (colors.get(home) ?? 0) + 1);
    }
    return [...colors].map(([invoker, count]) => ({ invoker, colors: count }));
  }

  #homeOf(color: ColorKey): number | undefined {
    return this.ring.at(pointOf(color, this.#options.seed));
  }

  #counting(change: () => void): void {
    const colors = [...this.#recent];
    const before = colors.map((color) => this.#homeOf(color));
    change();
    colors.forEach((color, i) => {
      if (before[i] !== undefined && this.#homeOf(color) !== before[i]) this.#moves++;
    });
  }
}
