import { mix, pointOf, type ColorKey } from '../../shared/colors/colorKey.js';
import type {
  ColorChoice,
  ColorPolicy,
  PolicyMaker,
  PolicyOptions,
  Room,
  Weight,
} from '../../shared/colors/ColorPolicy.js';
import { Ring } from '../../shared/colors/Ring.js';

/*
 * Policies of the literature to compare with. They decide on load themselves, so simulate them with a patience of 0.
 */

abstract class OnRing implements ColorPolicy {
  abstract readonly name: string;
  readonly moves = 0;
  protected readonly ring: Ring;
  protected readonly options: PolicyOptions;

  constructor(options: PolicyOptions) {
    this.options = options;
    this.ring = new Ring(options.seed, options.virtualNodes);
  }

  abstract assign(color: ColorKey, room: Room): ColorChoice | undefined;

  joined(invokers: readonly number[]): void {
    this.ring.add(invokers);
  }

  left(invoker: number): void {
    this.ring.remove(invoker);
  }

  weigh(weights: readonly Weight[]): void {
    this.ring.weigh(weights);
  }

  homes(color: ColorKey): readonly number[] {
    const homes: number[] = [];
    this.ring.walk(pointOf(color, this.options.seed), this.options.choices, (invoker) => {
      homes.push(invoker);
      return false;
    });
    return homes;
  }

  census(): { invoker: number; colors: number }[] {
    return this.ring.members.map((invoker) => ({ invoker, colors: 0 }));
  }
}

/** Two choices (Mitzenmacher, 2001): the less loaded of a color's first two invokers. */
class TwoChoices extends OnRing {
  readonly name = 'two-choices';

  assign(color: ColorKey, room: Room): ColorChoice | undefined {
    const [first, second] = this.homes(color);
    if (first === undefined) return undefined;
    const choices = [{ invoker: first, rank: 0 }];
    if (second !== undefined) {
      const other = { invoker: second, rank: 1 };
      if (room.underWay(second) < room.underWay(first)) choices.unshift(other);
      else choices.push(other);
    }
    return choices.find(({ invoker, rank }) => room.accepts(invoker, rank));
  }
}

/**
 * CH-RLU (Fuerst and Sharma, HPDC'22), by its idea: consistent hashing with bounded loads, where the load of an invoker
 * is increased at random in proportion to the share of the color, so that popular colors spread before the bound.
 * Popularity is counted over the last invocations.
 */
class RandomLoadUpdates extends OnRing {
  readonly name = 'ch-rlu';
  readonly #counts = new Map<ColorKey, number>();
  #total = 0;
  #state: number;

  constructor(options: PolicyOptions) {
    super(options);
    this.#state = options.seed;
  }

  assign(color: ColorKey, room: Room): ColorChoice | undefined {
    const share = this.#shareOf(color);
    const members = this.ring.members.length;
    const mean = (room.totalUnderWay + 1) / Math.max(1, members);
    const bound = Math.max(this.options.loadFloor, this.options.loadFactor * mean);
    return this.ring.walk(pointOf(color, this.options.seed), this.options.choices, (invoker, rank) => {
      this.#state = (this.#state + 0x9e3779b9) | 0;
      const noise = (mix(this.#state) / 0x100000000) * share * room.totalUnderWay;
      return room.underWay(invoker) + noise <= bound && room.accepts(invoker, rank);
    });
  }

  #shareOf(color: ColorKey): number {
    const count = (this.#counts.get(color) ?? 0) + 1;
    this.#counts.set(color, count);
    this.#total++;
    if (this.#total >= 100_000) {
      this.#total = 0;
      for (const [one, ones] of this.#counts) {
        const half = ones >> 1;
        this.#total += half;
        if (half === 0) this.#counts.delete(one);
        else this.#counts.set(one, half);
      }
    }
    return count / Math.max(100, this.#total);
  }
}

/**
 * Join the shortest queue, oblivious of colors: the invoker with the fewest invocations under way for its memory, of
 * equal ones by chance.
 */
class ShortestQueue extends OnRing {
  readonly name = 'shortest-queue';
  readonly #weights = new Map<number, number>();
  #turn = 0;

  assign(_color: ColorKey, room: Room): ColorChoice | undefined {
    let best: number | undefined;
    let least = Infinity;
    this.#turn = (this.#turn + 1) | 0;
    this.ring.walk(mix(this.#turn), this.ring.members.length, (invoker) => {
      const load = room.underWay(invoker) / (this.#weights.get(invoker) ?? 1);
      if (load < least && room.accepts(invoker, 0)) {
        best = invoker;
        least = load;
      }
      return false;
    });
    return best === undefined ? undefined : { invoker: best, rank: 0 };
  }

  override weigh(weights: readonly Weight[]): void {
    super.weigh(weights);
    for (const { invoker, weight, warmth } of weights) this.#weights.set(invoker, weight * Math.max(0.01, warmth));
  }

  /** No color has a home. */
  override homes(): readonly number[] {
    return [];
  }
}

/** The names of `YARDSTICKS`. */
export type YardstickName = 'two-choices' | 'shortest-queue' | 'ch-rlu';

/** Policies of the literature by name, for `custom` of a simulation. */
export const YARDSTICKS: Readonly<Record<YardstickName, PolicyMaker>> = {
  'two-choices': ({ options }) => new TwoChoices(options),
  'shortest-queue': ({ options }) => new ShortestQueue(options),
  'ch-rlu': ({ options }) => new RandomLoadUpdates(options),
};
