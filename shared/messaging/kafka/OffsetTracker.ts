import { Queue } from '../../process/Queue.js';

/**
 * Which messages of one partition were given to the handler and which of them are handled. The offset to commit is that of
 * the oldest message that the handler still has, so that a successor gets that one again.
 *
 * A partition may be read again from an older offset within one life of the process (the group was formed anew after a
 * lost session): messages that were given before are recognized here.
 */
export class OffsetTracker {
  readonly #outstanding = new Queue<Given>();
  /** The offset after the last one given; undefined before the first. */
  #next: number | undefined;
  #committed: number | undefined;

  /** The mark by which to report the message handled; undefined where it was given before. */
  give(offset: number): Given | undefined {
    if (this.#next !== undefined && offset < this.#next) return undefined;
    this.#next = offset + 1;
    const given: Given = { offset, handled: false };
    this.#outstanding.push(given);
    return given;
  }

  /** The offset to commit; undefined where it is committed already. */
  committable(): number | undefined {
    const place = this.#oldest()?.offset ?? this.#next;
    return place === this.#committed ? undefined : place;
  }

  /** How many messages were given from the oldest one on that is not handled: none of them can be committed. */
  get uncommitted(): number {
    const oldest = this.#oldest();
    return oldest === undefined || this.#next === undefined ? 0 : this.#next - oldest.offset;
  }

  committed(offset: number | undefined): void {
    this.#committed = offset;
  }

  /**
   * Learns what the broker says. A partition that ends before the last message given is a new one under an old name (the
   * topic was deleted and made again): all of it is new.
   */
  learn(committed: number | undefined, end: number): void {
    this.#committed = committed;
    if (this.#next === undefined || end >= this.#next) return;
    this.#next = undefined;
    while (this.#outstanding.shift());
  }

  /** The oldest message that is not handled. */
  #oldest(): Given | undefined {
    for (let oldest = this.#outstanding.peek(); oldest?.handled; oldest = this.#outstanding.peek()) {
      this.#outstanding.shift();
    }
    return this.#outstanding.peek();
  }
}

export interface Given {
  readonly offset: number;
  handled: boolean;
}
