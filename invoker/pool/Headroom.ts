import type { ContainerTable } from './ContainerTable.js';
import type { ContainerEntry } from './ContainerEntry.js';

/** The time after an eviction in which memory is kept free, in ms. */
const LASTS_MS = 60_000;

/** The most memory to keep free, as a part of the pool's: a small pool needs each of its containers. */
const MAX_SHARE = 1 / 8;

/**
 * How much memory a full pool keeps free. A start that evicts must wait until the processes of the evicted container have
 * ended. While such starts happen, the pool evicts the container for the next one in advance.
 */
export class Headroom {
  #memoryMB = 0;
  #until = -Infinity;

  /** A start of a container evicted others. */
  evicted(memoryMB: number, now: number): void {
    this.#memoryMB = now < this.#until ? Math.max(this.#memoryMB, memoryMB) : memoryMB;
    this.#until = now + LASTS_MS;
  }

  /** The memory to free now, in MB. Pending removals count as free. */
  missingMB({ capacityMB, othersMB, committedMB }: ContainerTable<ContainerEntry>, now: number): number {
    if (now >= this.#until || this.#memoryMB > MAX_SHARE * capacityMB) return 0;
    return Math.max(0, this.#memoryMB - (capacityMB - othersMB - committedMB));
  }
}
