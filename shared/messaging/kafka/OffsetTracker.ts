import { Queue } from '../../process/Queue.js';

/**
 * Tracks the dispatched and the handled messages of one partition. The offset to commit is that of the oldest unhandled
 * message, so that a successor gets it again.
 *
 * After a lost session the process may read the partition again from an older offset. Then this recognizes messages
 * that were dispatched before.
 */
export class OffsetTracker {
  readonly #outstanding = new Queue<Given>();
  /** The offset after the last dispatched message; undefined before the first one. */
  #next: number | undefined;
  #committed: number | undefined;

  /** Starts a message. @returns a handle to report its end; undefined if it was dispatched before. */
  give(offset: number): Given | undefined {
    if (this.#next !== undefined && offset < this.#next) return undefined;
    this.#next = offset + 1;
    const given: Given = { offset, handled: false };
    this.#outstanding.push(given);
    return given;
  }

  /** The offset to commit; undefined if it is already committed. */
  committable(): number | undefined {
    const place = this.#oldest()?.offset ?? this.#next;
    return place === this.#committed ? undefined : place;
  }

  /** The offset of the next message; undefined before the first one of a group that begins at the earliest message. */
  get place(): number | undefined {
    return this.#next ?? this.#committed;
  }

  /** The number of dispatched messages from the oldest unhandled one on. None of them can be committed. */
  get uncommitted(): number {
    const oldest = this.#oldest();
    return oldest === undefined || this.#next === undefined ? 0 : this.#next - oldest.offset;
  }

  committed(offset: number | undefined): void {
    this.#committed = offset;
  }

  /**
   * Takes the broker's offsets. If the partition ends before the last dispatched message, the topic was deleted and
   * created again, so all of its messages are new.
   * @param from where a group begins that never committed. At the end: this place is then committed, so that the next
   * membership does not begin at a later one.
   */
  learn(committed: number | undefined, end: number, from: 'earliest' | 'latest' = 'earliest'): void {
    this.#committed = committed;
    if (this.#next !== undefined && end < this.#next) {
      this.#next = undefined;
      while (this.#outstanding.shift());
    }
    if (this.#next === undefined && committed === undefined && from === 'latest') this.#next = end;
  }

  /** The oldest unhandled message. */
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
