/*
 * When the next invocation of an action comes, by a histogram of its idle times
 * (M. Shahrad et al., "Serverless in the Wild", USENIX ATC'20, section 4.2: the hybrid histogram policy).
 *
 * Two things differ. Their forecast by ARIMA, for actions whose idle times are mostly beyond the histogram, is left out.
 * And a window must be worth its memory: an avoided cold start is worth some idle time of a container. So an action that
 * comes at random once an hour does not have a container for hours.
 */

/** When to have a container of an action that is idle; in ms from the end of its last activation. */
export interface IdleWindows {
  /** No container is needed before this time. 0: it stays after the activation. */
  readonly prewarmMs: number;
  /** No container is needed from this time on. */
  readonly keepMs: number;
}

const BIN_MS = 60_000;
const BINS = 240;

/** The idle times after which a histogram is used. */
const MIN_SAMPLES = 5;

/** The idle times after which all counts are halved, so that the histogram follows changes. */
const MAX_SAMPLES = 1000;

/** The least coefficient of variation of the bins. Below it, the idle times are spread too evenly to predict the next. */
const MIN_VARIATION = 2;

/** The windows to choose from: quantiles of the idle times, and how much wider a window is. */
interface Choice {
  readonly heads: readonly number[];
  readonly tails: readonly number[];
  readonly margin: number;
}

/** The first quantiles are those of the paper. The others are for actions with an early exception or a long tail. */
const CHOICE: Choice = { heads: [0.05, 0.1, 0.25], tails: [0.99, 0.9, 0.75, 0.5, 0.25], margin: 0.1 };

/** If none of these is worth its memory: hours before the next invocation, the margin is long. */
const NARROW: Choice = { heads: [0.05], tails: [0.99], margin: 0.02 };

/** A window that begins so soon is not worth another container: the old one stays. */
const MIN_PAUSE_MS = 5 * BIN_MS;

const NEVER: IdleWindows = { prewarmMs: 0, keepMs: 0 };

/** The idle times of an action in bins of a minute, up to four hours. */
export class IdleHistogram {
  readonly #worthMs: number;
  readonly #bins = new Uint16Array(BINS);
  /** The idle times in the bins, the sum of the squares of the bins, and the idle times beyond the bins. */
  #count = 0;
  #squares = 0;
  #beyond = 0;
  #windows: IdleWindows | undefined;
  #known = true;

  /** @param worthMs the idle time of a container that one avoided cold start is worth. */
  constructor(worthMs: number) {
    this.#worthMs = worthMs;
  }

  add(idleMs: number): void {
    this.#known = false;
    const bin = Math.floor(Math.max(0, idleMs) / BIN_MS);
    if (bin < BINS) {
      const before = this.#bins[bin] ?? 0;
      this.#bins[bin] = before + 1;
      this.#squares += 2 * before + 1;
      this.#count++;
    } else this.#beyond++;
    if (this.#count + this.#beyond >= MAX_SAMPLES) this.#halve();
  }

  /** The windows for the next idle time; undefined if the past does not tell. */
  get windows(): IdleWindows | undefined {
    if (!this.#known) {
      this.#known = true;
      this.#windows = this.#isTelling() ? this.#find() : undefined;
    }
    return this.#windows;
  }

  #isTelling(): boolean {
    if (this.#count + this.#beyond < MIN_SAMPLES) return false;
    const mean = this.#count / BINS;
    return Math.sqrt(this.#squares / BINS - mean * mean) >= MIN_VARIATION * mean;
  }

  #find(): IdleWindows {
    return this.#bestOf(CHOICE) ?? this.#bestOf(NARROW) ?? NEVER;
  }

  /** The windows that are worth most; undefined if none is worth its memory. */
  #bestOf({ heads, tails, margin }: Choice): IdleWindows | undefined {
    let best: IdleWindows | undefined;
    let most = 0;
    const begins = heads.map((head) => this.#binAt(head) * BIN_MS * (1 - margin)).filter((ms) => ms > MIN_PAUSE_MS);
    for (const tail of tails) {
      const keepMs = (this.#binAt(tail) + 1) * BIN_MS * (1 + margin);
      for (const prewarmMs of [...begins, 0]) {
        const value = this.#valueOf({ prewarmMs, keepMs });
        if (value > most) [best, most] = [{ prewarmMs, keepMs }, value];
      }
    }
    return best;
  }

  /** What the windows would have been worth for the past idle times: those that they met, less the idle time of containers. */
  #valueOf({ prewarmMs, keepMs }: IdleWindows): number {
    let met = 0;
    let idleMs = this.#beyond * (keepMs - prewarmMs);
    for (let bin = 0; bin < BINS; bin++) {
      const count = this.#bins[bin] ?? 0;
      if (count === 0) continue;
      const at = (bin + 0.5) * BIN_MS;
      if (at < prewarmMs) continue;
      if (at < keepMs) met += count;
      idleMs += count * (Math.min(at, keepMs) - prewarmMs);
    }
    return met * this.#worthMs - idleMs;
  }

  /** The bin of this quantile of the idle times in bins. */
  #binAt(share: number): number {
    let sum = 0;
    for (let bin = 0; bin < BINS; bin++) {
      sum += this.#bins[bin] ?? 0;
      if (sum > 0 && sum >= share * this.#count) return bin;
    }
    return BINS - 1;
  }

  #halve(): void {
    this.#count = this.#squares = 0;
    this.#beyond >>= 1;
    for (let bin = 0; bin < BINS; bin++) {
      const half = (this.#bins[bin] ?? 0) >> 1;
      this.#bins[bin] = half;
      this.#count += half;
      this.#squares += half * half;
    }
  }
}
