/*
 * The limits of a namespace. Each controller counts alone and grants a share of the limit: with more than one controller
 * the limit is increased by a fifth, since requests are not spread evenly over the controllers, then divided.
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
  /** The count and its limit. */
  readonly count: number;
  readonly allowed: number;
}

/** `count` invocations are in flight; the limit has to leave room for one more. */
export function judgeConcurrency(count: number, allowed: number): Verdict {
  return { ok: count < allowed, count, allowed };
}

/** `count` includes this request. */
export function judgeRate(count: number, allowed: number): Verdict {
  return { ok: count <= allowed, count, allowed };
}
