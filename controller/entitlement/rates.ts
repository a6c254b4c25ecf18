/*
 * How much a namespace may do. Each controller counts alone, so it grants a share of the limit: with more than one
 * controller the limit is dilated by a fifth (the front door does not deal requests out evenly), then divided.
 *
 * Example: 60 invocations a minute and 3 controllers: ceil(60 * 1.2) = 72, and 72 / 3 = 24 for each.
 */

const OVERCOMMIT = 1.2;

/** This controller's share of a namespace's limit; at least 1 unless the limit is 0. */
export function shareOfLimit(limit: number, clusterSize: number): number {
  const dilated = Math.ceil(limit * (clusterSize > 1 ? OVERCOMMIT : 1));
  return dilated === 0 ? 0 : Math.max(1, Math.trunc(dilated / clusterSize));
}

export interface Verdict {
  readonly ok: boolean;
  /** What was counted, and what is allowed. */
  readonly count: number;
  readonly allowed: number;
}

/** `count` invocations are under way already; there has to be room for one more. */
export function judgeConcurrency(count: number, allowed: number): Verdict {
  return { ok: count < allowed, count, allowed };
}

/** `count` has the request in question in it. */
export function judgeRate(count: number, allowed: number): Verdict {
  return { ok: count <= allowed, count, allowed };
}

const MINUTE_MS = 60_000;

/**
 * Counts what namespaces do in the current minute of the clock. A refused request counts too. Counts of earlier minutes
 * are forgotten as soon as a new one begins.
 */
export class MinuteCounter {
  #minute = Number.NaN;
  readonly #counts = new Map<string, number>();

  /** Counts one for `key` and returns the count of this minute, this one included. `now` in ms since the epoch. */
  increment(key: string, now: number): number {
    const minute = Math.floor(now / MINUTE_MS);
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#counts.clear();
    }
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    return count;
  }
}
