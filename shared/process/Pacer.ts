export interface PacerOptions {
  /** A request begins no sooner than so many times the duration of the last one after that one began. */
  readonly factor: number;
  /** The least and the longest time between the beginnings of two requests, in ms. */
  readonly minMs?: number;
  readonly maxMs: number;
}

/**
 * Decides when the next request should go to a server that takes many items in one request. A request after a pause goes
 * at once. In a rush the requests keep a distance that grows with the time that the server takes, so that a busy server is
 * asked less often, for more at a time.
 *
 * Times are in ms of any one clock.
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
