export interface PacerOptions {
  /** The interval between the starts of two requests, as a multiple of the last request's duration. */
  readonly factor: number;
  /** The bounds of that interval, in ms. */
  readonly minMs?: number;
  readonly maxMs: number;
}

/**
 * Decides on the time of the next request to a server that takes batches. After a pause a request is sent at once.
 * Under load, the interval grows with the server's response time, so that a busy server gets fewer and larger requests.
 *
 * Times are in ms, always of the same clock.
 */
export class Pacer {
  readonly #factor: number;
  readonly #minMs: number;
  readonly #maxMs: number;
  #began = Number.NEGATIVE_INFINITY;
  #tookMs = 0;

  constructor({ factor, minMs = 0, maxMs }: PacerOptions) {
    this.#factor = factor;
    this.#minMs = minMs;
    this.#maxMs = maxMs;
  }

  /** The wait before the next request, in ms. */
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
