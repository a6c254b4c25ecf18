export interface PaceOptions {
  /** The next request begins no sooner than so many times the last one's duration after that began. */
  readonly factor: number;
  /** At least, and at most, so many ms lie between the beginnings of two requests. */
  readonly minMs?: number;
  readonly maxMs: number;
}

/**
 * When the next request to a server should begin that takes many things in one. What comes after a pause goes at once; in a
 * rush the requests keep a distance that grows with the time that the server takes. So a busy server is asked less often,
 * for more at a time, which costs it and us less; one that answers quickly is hardly waited for.
 *
 * Times are in ms of any one clock.
 */
export class Pace {
  readonly #factor: number;
  readonly #minMs: number;
  readonly #maxMs: number;
  #began = Number.NEGATIVE_INFINITY;
  #tookMs = 0;

  constructor({ factor, minMs = 0, maxMs }: PaceOptions) {
    this.#factor = factor;
    this.#minMs = minMs;
    this.#maxMs = maxMs;
  }

  /** How long the next request should wait. */
  rest(now: number): number {
    const distance = Math.max(this.#minMs, Math.min(this.#maxMs, this.#factor * this.#tookMs));
    return Math.max(0, this.#began + distance - now);
  }

  began(now: number): void {
    this.#began = now;
  }

  took(ms: number): void {
    this.#tookMs = ms;
  }
}
