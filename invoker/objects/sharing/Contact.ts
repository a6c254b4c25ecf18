/**
 * The contact of an invoker with the controllers. An invoker that has none for longer than a reply holds may have lost
 * its colors to others without knowing it: it was frozen, or cut off. Has no clock: `now` comes in as ms.
 */
export class Contact {
  /** When the latest reply was asked for, and until when it holds. */
  #askedAt = -Infinity;
  #until = -Infinity;
  #lapses = 0;

  /** Takes note of a reply. @returns whether it ends a time without contact. */
  note(askedAt: number, validMs: number): boolean {
    if (askedAt < this.#askedAt) return false;
    const lapsed = askedAt > this.#until;
    if (lapsed) this.#lapses++;
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

  /** The age of the latest reply, in ms. */
  age(now: number): number {
    return now - this.#askedAt;
  }
}
