import { latencies } from './statistics.js';

/** The largest spread of the rounds of what is compared with, as a part of their median, with which a machine may be judged. */
const MAX_SPREAD = 0.5;

/** The distance of the largest from the smallest, as a part of the median; NaN of none. */
export function spread(values: readonly number[]): number {
  return (Math.max(...values) - Math.min(...values)) / latencies(values).p50;
}

/** A target, and whether a measurement meets it. */
export interface Target {
  readonly name: string;
  readonly met: boolean;
}

/**
 * One line on the targets, or why there is none: a machine that other work slows down says nothing about the server.
 * @param bare what does not depend on the server, such as the bare container, or a measurement at rest; round by round
 */
export function verdict(bare: Readonly<Record<string, readonly number[]>>, targets: readonly Target[]): string {
  for (const [what, rounds] of Object.entries(bare)) {
    const found = spread(rounds);
    if (found <= MAX_SPREAD) continue;
    const percent = Number.isNaN(found) ? 'unknown' : `${Math.round(found * 100)} %`;
    return `no verdict: ${what} varied by ${percent} of its median between rounds; measure again on a quiet machine`;
  }
  const missed = targets.filter(({ met }) => !met).map(({ name }) => name);
  return missed.length === 0 ? 'meets its targets' : `misses ${missed.join(', ')}`;
}
