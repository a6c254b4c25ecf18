/** The most lapses to remember. */
const MAX_LAPSES = 16;

/**
 * The contact of an invoker with the controllers. An invoker that has none for longer than a reply holds may have lost
 * its colors to others without knowing it: it was frozen, or cut off. Has no clock: `now` comes in as ms.
 */
export class Contact {
  /** When the latest reply was asked for, and until when it holds. */
  #askedAt = -Infinity;
  #until = -Infinity;
  #lapses = 0;
  /** For each of the latest lapses, when the reply before it was asked for. The earliest one comes first. */
  readonly #sureAt: number[] = [];

  /**
   * Takes note of a reply. One that comes after the reply before is over ends a time without contact, even if it was asked
   * for earlier: other invokers may have taken colors over in between.
   * @param now when the reply has come
   * @returns whether it ends a time without contact
   */
  note(askedAt: number, validMs: number, now = askedAt): boolean {
    if (askedAt < this.#askedAt) return false;
    const lapsed = now > this.#until;
    if (lapsed) {
      this.#lapses++;
      this.#sureAt.push(this.#askedAt);
      if (this.#sureAt.length > MAX_LAPSES) this.#sureAt.shift();
    }
    this.#askedAt = askedAt;
    this.#until = askedAt + validMs;
    return lapsed;
  }

  /** How often the contact has been lost. What began at another number may not be so any more. */
  get lapses(): number {
    return this.#lapses;
  }

  /** Whether the contact has not been lost since a number of `lapses`. */
  heldSince(lapses: number, now: number): boolean {
    return lapses === this.#lapses && now <= this.#until;
  }

  /**
   * The latest time at which what began at a number of `lapses` was so for sure, if the contact has been lost since;
   * -Infinity: that is too long ago.
   */
  sureAt(lapses: number): number {
    return this.#sureAt[this.#sureAt.length - (this.#lapses - lapses)] ?? -Infinity;
  }

  /** The age of the latest reply, in ms. */
  age(now: number): number {
    return now - this.#askedAt;
  }
}
