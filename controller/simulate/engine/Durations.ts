import { increase, numberAt } from '../../../shared/collections/at.js';

const PER_DOUBLING = 64;
const LEAST_MS = 0.001;
const BUCKETS = 40 * PER_DOUBLING;

/**
 * Counts durations in ms in buckets whose bounds grow by 1.1 %, from 1 µs on: a quantile is exact within 1.1 %, and its
 * memory does not depend on their number.
 */
export class Durations {
  readonly #counts = new Uint32Array(BUCKETS);
  #count = 0;
  #sum = 0;
  #max = 0;

  get count(): number {
    return this.#count;
  }

  /** NaN without durations. */
  get mean(): number {
    return this.#sum / this.#count;
  }

  get max(): number {
    return this.#max;
  }

  add(ms: number): void {
    const bucket = ms <= LEAST_MS ? 0 : Math.ceil(Math.log2(ms / LEAST_MS) * PER_DOUBLING);
    increase(this.#counts, Math.min(bucket, BUCKETS - 1));
    this.#count++;
    this.#sum += ms;
    if (ms > this.#max) this.#max = ms;
  }

  /** The nearest-rank quantile; NaN without durations. */
  quantile(q: number): number {
    let left = Math.max(1, Math.ceil(q * this.#count));
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      left -= numberAt(this.#counts, bucket);
      if (left <= 0) return Math.min(this.#max, LEAST_MS * 2 ** (bucket / PER_DOUBLING));
    }
    return NaN;
  }
}
