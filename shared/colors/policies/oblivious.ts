import { mix } from '../colorKey.js';
import type { ColorChoice, ColorPolicy, PolicyOptions, Room } from '../ColorPolicy.js';

/*
 * The two baselines that ignore the color, to measure the value of locality. Their colors have no home, so no choice
 * counts as a hit.
 */

abstract class Oblivious implements ColorPolicy {
  abstract readonly name: 'random' | 'round-robin';
  readonly moves = 0;
  #invokers: readonly number[] = [];

  /** The first index to try in the list of `count` invokers. */
  protected abstract start(count: number): number;

  assign(_color: number, room: Room): ColorChoice | undefined {
    const count = this.#invokers.length;
    if (count === 0) return undefined;
    const start = this.start(count);
    for (let i = 0; i < count; i++) {
      const invoker = this.#invokers[(start + i) % count];
      if (invoker !== undefined && room.accepts(invoker, Infinity)) return { invoker, rank: Infinity };
    }
    return undefined;
  }

  joined(invokers: readonly number[]): void {
    this.#invokers = [...new Set([...this.#invokers, ...invokers])].toSorted((a, b) => a - b);
  }

  left(invoker: number): void {
    this.#invokers = this.#invokers.filter((other) => other !== invoker);
  }

  homes(): readonly number[] {
    return [];
  }

  census(): { invoker: number; colors: number }[] {
    return this.#invokers.map((invoker) => ({ invoker, colors: 0 }));
  }
}

/** Chooses a random invoker, uniformly; if it does not accept, the next one. */
export class RandomPolicy extends Oblivious {
  readonly name = 'random';
  #state: number;

  constructor(options: PolicyOptions) {
    super();
    this.#state = options.seed;
  }

  protected start(count: number): number {
    // A Weyl sequence with a mixer is random enough, and the same for the same seed.
    this.#state = (this.#state + 0x9e3779b9) | 0;
    return Math.floor((mix(this.#state) / 0x100000000) * count);
  }
}

/** Chooses the invokers in turn. */
export class RoundRobinPolicy extends Oblivious {
  readonly name = 'round-robin';
  #turn: number;

  constructor(options: PolicyOptions) {
    super();
    this.#turn = options.seed >>> 0;
  }

  protected start(count: number): number {
    const start = this.#turn % count;
    this.#turn = start + 1;
    return start;
  }
}
