/*
 * The limits of a namespace. Each controller counts alone and grants a share of the limit. With more than one
 * controller the limit is increased by a fifth and then divided, since requests are not spread evenly over the
 * controllers.
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
  /** The count and the limit. */
  readonly count: number;
  readonly allowed: number;
}

/** `count`: the invocations in flight, without the new one. */
export function judgeConcurrency(count: number, allowed: number): Verdict {
  return { ok: count < allowed, count, allowed };
}

/** `count`: the requests of this minute, including the new one. */
export function judgeRate(count: number, allowed: number): Verdict {
  return { ok: count <= allowed, count, allowed };
}
