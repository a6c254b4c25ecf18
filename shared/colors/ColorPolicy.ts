import type { ColorKey } from './colorKey.js';

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

/** An invoker that was chosen, and its place in the color's order: 0 is the home. */
export interface ColorChoice {
  readonly invoker: number;
  readonly rank: number;
}

/** What a policy may ask about the invokers at the moment of an assignment. */
export interface Room {
  /**
   * Whether the invoker takes this invocation. The answer may depend on the rank: a color waits at its home, and not elsewhere.
   * @param rank the invoker's place in the color's order; 0 for its home.
   */
  accepts(invoker: number, rank: number): boolean;
  /** Invocations that the invoker has in flight. */
  underWay(invoker: number): number;
  /** Of all invokers together. */
  readonly totalUnderWay: number;
}

/** What an invoker has to do: any unit, the same for all; such as MB in use, averaged since the last report. */
export interface InvokerLoad {
  readonly invoker: number;
  readonly load: number;
}

/** What an invoker should get of the colors. */
export interface Weight {
  readonly invoker: number;
  /** Over 0; its memory in MB. */
  readonly weight: number;
  /** From 0 to 1: how far it has warmed up. Its share for now is its weight times this. */
  readonly warmth: number;
}

/**
 * Something that a policy tells the same policy of the other controllers. Of updates with one key the latest holds.
 * A policy may put anything into the value that is JSON; the key has at most 100 characters.
 */
export interface SharedUpdate {
  readonly key: string;
  readonly value: string | number;
}

/** What a policy shares with the other controllers. */
export interface SharedState {
  /**
   * Takes over an update, of another controller or its own, in the order in which all controllers see them.
   * @param ageMs how long ago it was sent.
   */
  adopt(update: SharedUpdate, ageMs: number): void;
  /** Whether an update still says what this policy knows: one that was overtaken is not sent late. */
  holds(update: SharedUpdate): boolean;
  /** All that one controller, the leader, says again at each load report. Missing: nothing. */
  summary?(): SharedUpdate | undefined;
}

/** What a policy can use from the controller. */
export interface PolicySurroundings {
  readonly options: PolicyOptions;
  /** Sends an update to the other controllers; returns at once. For policies with `shared`. */
  readonly share: (update: SharedUpdate) => void;
}

/**
 * Maps colors to invokers. A policy does no I/O and knows no clock: what it answers follows from its seed and from the
 * calls so far, in every process alike. Invokers are numbers from 0 to 65,534.
 *
 * A policy says an order of invokers for each color; whether one has room, or is worth a wait, `room` decides. `policyContract`
 * (test suite, exported as `palette-whisk/policies`) checks the rules written here.
 */
export interface ColorPolicy {
  readonly name: string;
  /**
   * Asks `room` about the color's home, then about its next choices, always in the same order, each with its rank, and
   * takes the first that accepts.
   * @returns undefined if none of the first few choices accepts: the invocation then goes where an uncolored one would.
   */
  assign(color: ColorKey, room: Room): ColorChoice | undefined;
  /** Invokers appear. A known one is left alone. */
  joined(invokers: readonly number[]): void;
  /** An invoker is gone for good: its colors get new homes. */
  left(invoker: number): void;
  /**
   * An invoker cannot take work for now, or can again. It stays the home of its colors, which use their next choices
   * meanwhile; no color gets a new home there. Missing: the policy does not care.
   */
  becameHealthy?(invoker: number, healthy: boolean): void;
  /**
   * The shares that invokers should get, relative to each other. They are said before an invoker joins, and again when they
   * change: while an invoker warms up, step by step. Missing: all get the same.
   */
  weigh?(weights: readonly Weight[]): void;
  /** The load of the invokers, every ten seconds; a policy may move homes because of it, and count time by it. */
  loadReport?(loads: readonly InvokerLoad[], leads: boolean): void;
  /** The home and the next choices of a color, without assigning it. A policy without homes has none. */
  homes(color: ColorKey): readonly number[];
  /** How many homes (of colors or of buckets, as far as the policy knows them) were moved so far. */
  readonly moves: number;
  /** Of each invoker: how many colors, of those the policy remembers, have their home there; and buckets, if it has any. */
  census(): readonly { readonly invoker: number; readonly colors: number; readonly buckets?: number }[];
  /** Missing: the policy shares nothing. */
  readonly shared?: SharedState;
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
  /** `bounded-load`: an invoker always gets so many invocations at once, however few there are in all. */
  readonly loadFloor: number;
  /** `least-assigned`: remembers so many colors; the ones not seen for longest are forgotten. */
  readonly maxColors: number;
  /** `least-assigned`: a color that was not used during so many load reports no longer counts for its home. */
  readonly liveReports: number;
  /** `least-assigned`: a color in use is told again after so many load reports, before the topic forgets it. */
  readonly tellAgainReports: number;
  /** `bucket-hashing`: the least imbalance (max/mean) at which buckets begin to move, and that at which they stop. */
  readonly rebalanceAbove: number;
  readonly rebalanceTo: number;
  /** `bucket-hashing`: moves at most so many of the 16,384 buckets at one load report. */
  readonly maxBucketMoves: number;
}

/** Load reports come this often, in ms. */
export const REPORT_MS = 10_000;

export const POLICY_OPTIONS: PolicyOptions = {
  seed: 0,
  choices: 8,
  virtualNodes: 512,
  loadFactor: 1.25,
  loadFloor: 8,
  maxColors: 1_000_000,
  // Ten minutes.
  liveReports: 60,
  // Three days: the topic keeps a message for seven.
  tellAgainReports: 25_920,
  rebalanceAbove: 1.2,
  rebalanceTo: 1.05,
  maxBucketMoves: 164,
};

/** Makes a policy; called once for each pool of invokers in which it is used. */
export type PolicyMaker = (surroundings: PolicySurroundings) => ColorPolicy;
