import { Queue } from '../Queue.js';

/**
 * Which messages of one partition were handed to the handler and which of them are handled, so that the group's place
 * moves only past messages that are: the offset to commit is that of the oldest message still with the handler.
 *
 * A partition may be read again from an older offset within one life of the process (the group was formed anew after a
 * lost session); what was handed over before is told apart here.
 */
export class OffsetTracker {
  readonly #outstanding = new Queue<Handed>();
  /** The offset after the last one handed over; undefined before the first. */
  #next: number | undefined;
  #committed: number | undefined;

  /** The mark by which to report it handled; undefined where this message was handed over before. */
  hand(offset: number): Handed | undefined {
    if (this.#next !== undefined && offset < this.#next) return undefined;
    this.#next = offset + 1;
    const handed: Handed = { offset, handled: false };
    this.#outstanding.push(handed);
    return handed;
  }

  /** The offset to commit, where it is not committed yet. */
  committable(): number | undefined {
    for (let oldest = this.#outstanding.peek(); oldest?.handled; oldest = this.#outstanding.peek()) {
      this.#outstanding.shift();
    }
    const place = this.#outstanding.peek()?.offset ?? this.#next;
    return place === this.#committed ? undefined : place;
  }

  committed(offset: number): void {
    this.#committed = offset;
  }

  /**
   * Learns where the partition ends. One that ends before what was handed over is not the partition it was (the topic
   * was made anew): all of it is new.
   */
  endsAt(end: number): void {
    if (this.#next === undefined || end >= this.#next) return;
    this.#next = undefined;
    this.#committed = undefined;
    while (this.#outstanding.shift());
  }
}

export interface Handed {
  readonly offset: number;
  handled: boolean;
}
