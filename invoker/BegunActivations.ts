/**
 * Remembers the ids of started activations, also after they have ended, so that a message that the bus delivers twice
 * runs once. It forgets an id after 5 to 10 minutes, which is longer than producers retry, or earlier at a very high
 * rate.
 *
 * It has two generations of ids and drops the older one as a whole, so it needs neither a timer nor a list sorted by
 * age.
 */
export class BegunActivations {
  readonly #maxIds: number;
  #recent = new Set<string>();
  #older = new Set<string>();
  #since = Number.NEGATIVE_INFINITY;

  /** @param maxIds the most ids of a generation. */
  constructor(maxIds = MAX_IDS) {
    this.#maxIds = maxIds;
  }

  /**
   * Notes the start of an activation.
   * @returns false if it started before.
   * @param now in ms, always of the same clock.
   */
  begin(activationId: string, now: number): boolean {
    if (this.#recent.has(activationId) || this.#older.has(activationId)) return false;
    if (now - this.#since >= GENERATION_MS || this.#recent.size >= this.#maxIds) {
      this.#older = now - this.#since >= 2 * GENERATION_MS ? new Set() : this.#recent;
      this.#recent = new Set();
      this.#since = now;
    }
    this.#recent.add(activationId);
    return true;
  }

  /** Takes the note back, for an activation that has not started and may come again. */
  forget(activationId: string): void {
    this.#recent.delete(activationId);
    this.#older.delete(activationId);
  }
}

const GENERATION_MS = 5 * 60_000;

/** About 10 MB. */
const MAX_IDS = 100_000;
