import type { ColorKey } from './colorKey.js';

/**
 * A sample of recent colors, for policies without a table, to count their moves and homes. A color's hash chooses its
 * slot; a later color replaces an earlier one. So a color counts once, even if it is used often.
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
