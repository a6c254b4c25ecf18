import type { ColorKey } from './colorKey.js';
import type { Choice } from './Ring.js';

/** Palette's five policies under its names, and the known stronger baseline of consistent hashing. */
export const POLICY_NAMES = [
  'consistent-hashing',
  'bucket-hashing',
  'least-assigned',
  'bounded-load',
  'random',
  'round-robin',
] as const;
export type PolicyName = (typeof POLICY_NAMES)[number];

export function isPolicyName(name: string): name is PolicyName {
  return (POLICY_NAMES as readonly string[]).includes(name);
}

/** What a policy may ask about the invokers at the moment of an assignment. */
export interface Room {
  /** Whether the invoker may take this invocation now: it is up and has capacity. */
  accepts(invoker: number): boolean;
  /** Invocations that the invoker has under way. */
  underWay(invoker: number): number;
  /** Of all invokers together. */
  readonly totalUnderWay: number;
}

/** What an invoker has to do: any unit, the same for all; such as MB in use, averaged since the last report. */
export interface InvokerLoad {
  readonly invoker: number;
  readonly load: number;
}

/**
 * Maps colors to invokers. A policy does no I/O and knows no clock: what it answers follows from its seed and from the
 * calls so far, in every process alike. Invokers are numbers from 0 to 65,534.
 */
export interface ColorPolicy {
  readonly name: PolicyName;
  /**
   * Chooses an invoker that accepts, asking first the color's home and then its next choices, always in the same order.
   * @returns undefined where none of the first few choices accepts: the invocation then goes where an uncolored one would.
   */
  assign(color: ColorKey, room: Room): Choice | undefined;
  /** Invokers are there. One that is known is left alone. */
  joined(invokers: readonly number[]): void;
  /** An invoker is gone for good: what it was home of gets a new one. */
  left(invoker: number): void;
  /**
   * An invoker cannot take work for now, or can again. It stays the home of its colors, which use their next choices
   * meanwhile; no color gets a new home there.
   */
  becameHealthy(invoker: number, healthy: boolean): void;
  /** How the invokers are loaded, now and then; a policy may move homes because of it. */
  loadReport(loads: readonly InvokerLoad[]): void;
  /** The home and the next choices of a color, without assigning it. A policy without homes has none. */
  homes(color: ColorKey): readonly number[];
  /** How many homes (of colors or of buckets, as far as the policy knows them) were moved so far. */
  readonly moves: number;
  /** Of each invoker: how many colors, of those the policy remembers, have their home there; and buckets, if it has any. */
  census(): readonly { readonly invoker: number; readonly colors: number; readonly buckets?: number }[];
}

/** The parameters of all policies. */
export interface PolicyOptions {
  readonly seed: number;
  /** How many choices of a color are tried, its home counted. */
  readonly choices: number;
  /** Points of an invoker on the ring of `consistent-hashing` and `bounded-load`. */
  readonly virtualNodes: number;
  /** `bounded-load`: an invoker gets no more than so many times the mean. Over 1. */
  readonly loadFactor: number;
  /** `least-assigned`: remembers so many colors; the ones not seen for longest are forgotten. */
  readonly maxColors: number;
  /** `bucket-hashing`: the least imbalance (max/mean) at which buckets begin to move, and that at which they stop. */
  readonly rebalanceAbove: number;
  readonly rebalanceTo: number;
  /** `bucket-hashing`: moves at most so many of the 16,384 buckets at one load report. */
  readonly maxBucketMoves: number;
}

export const POLICY_OPTIONS: PolicyOptions = {
  seed: 0,
  choices: 8,
  virtualNodes: 512,
  loadFactor: 1.25,
  maxColors: 1_000_000,
  rebalanceAbove: 1.2,
  rebalanceTo: 1.05,
  maxBucketMoves: 164,
};
