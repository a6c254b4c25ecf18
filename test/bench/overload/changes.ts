import type { PolicyName } from '../../../shared/colors/ColorPolicy.js';
import { seen, simulate, SIMULATION, type Change } from './simulation.js';

/** What a change of the invokers costs. Ratios from 0 to 1, times in ms. */
export interface Cost {
  /**
   * How far the hit ratio of the worst second is below that before the change, or below the final one if that is lower:
   * one invoker less has less memory.
   */
  readonly dip: number;
  /** The sum of that over all seconds after the change: the hits that are lost, in seconds of all invocations. */
  readonly lost: number;
  /** The seconds from the change until the hit ratio stays within a point of that. */
  readonly recoveredAfter: number;
  /** Of the invocations in the ten seconds after the change. */
  readonly p99: number;
  readonly cold: number;
}

export interface ChangeOptions {
  readonly policy: PolicyName;
  readonly changes: (at: number) => readonly Change[];
  readonly moveMs: number;
  readonly prepares: boolean;
  /** Invocations per second. */
  readonly rate: number;
}

const AT = 15_000;
const SECONDS = 25;
/** One run's second has some thousand invocations: the mean of several runs shows differences of less than a point. */
const SEEDS = [1, 2, 3];

/** Simulates a change after 15 s, several times, and compares the seconds after it with those before. */
export function costOf({ policy, changes, moveMs, prepares, rate }: ChangeOptions): Cost {
  const runs = SEEDS.map((seed) => {
    const options = { ...SIMULATION, policy, patienceMs: 100, moveMs, prepares, changes: changes(AT), seed };
    return simulate(options, [{ rate, ms: AT + SECONDS * 1000 }]);
  });
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const hits = (from: number, to: number): number => mean(runs.map((all) => seen(all, from, to).hits));
  const end = AT + SECONDS * 1000;
  const reference = Math.min(hits(AT - 5000, AT), hits(end - 5000, end));
  const below = Array.from({ length: SECONDS }, (_, i) => reference - hits(AT + i * 1000, AT + (i + 1) * 1000));
  const after = runs.map((all) => seen(all, AT, AT + 10_000));
  return {
    dip: Math.max(...below),
    lost: below.reduce((sum, value) => sum + Math.max(0, value), 0),
    recoveredAfter: 1 + below.findLastIndex((value) => value > 0.01),
    p99: mean(after.map(({ p99 }) => p99)),
    cold: mean(after.map(({ cold }) => cold)),
  };
}
