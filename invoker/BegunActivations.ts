/**
 * Remembers the ids of activations that were begun here, also after they have ended, so that a message that the bus
 * delivers twice runs once. It forgets after 5 to 10 minutes, longer than a producer sends a message again, and earlier
 * where there are very many.
 *
 * Two generations of ids, of which the older goes as a whole: no timer and no list in order of age.
 */
export class BegunActivations {
  readonly #maxIds: number;
  #recent = new Set<string>();
  #older = new Set<string>();
  #since = Number.NEGATIVE_INFINITY;

  /** @param maxIds of each generation. */
  constructor(maxIds = MAX_IDS) {
    this.#maxIds = maxIds;
  }

  /** Whether this is the first time that the activation is begun. @param now ms of any one clock. */
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
}

const GENERATION_MS = 5 * 60_000;

/** Some 10 MB. */
const MAX_IDS = 100_000;
