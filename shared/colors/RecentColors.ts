import type { ColorKey } from './colorKey.js';

/**
 * A sample of the colors seen lately, for policies that keep no table: how many of them would move, and where they are at
 * home. Colors fall into slots by their hash, the later one stays; so a color counts once, however often it is seen.
 */
export class RecentColors {
  readonly #slots: Float64Array;

  /** @param size a power of two. */
  constructor(size = 4096) {
    this.#slots = new Float64Array(size).fill(-1);
  }

  see(color: ColorKey, point: number): void {
    this.#slots[point & (this.#slots.length - 1)] = color;
  }

  *[Symbol.iterator](): Generator<ColorKey> {
    for (const color of this.#slots) if (color >= 0) yield color;
  }
}
