import type { ColorKey } from './colorKey.js';

/** The five policies of Palette (EuroSys'23), and consistent hashing with bounded loads as a stronger baseline. */
export const POLICY_NAMES = [
  'consistent-hashing',
  'bucket-hashing',
  'least-assigned',
  'bounded-load',
  'random',
  'round-robin',
] as const;
/** The name of a built-in policy. */
export type PolicyName = (typeof POLICY_NAMES)[number];

export function isPolicyName(name: string): name is PolicyName {
  return (POLICY_NAMES as readonly string[]).includes(name);
}

/** Whether a text is the path of a policy's file instead of the name of a built-in policy. */
export const isPolicyFile = (text: string): boolean => !isPolicyName(text) && /\.[cm]?js$/.test(text);

/** The invoker that a policy chose for a color. */
export interface ColorChoice {
  /** The number of the invoker. */
  readonly invoker: number;
  /** The rank of the invoker in the color's order. 0: its home. */
  readonly rank: number;
}

/** The state of the invokers during an assignment. */
export interface Room {
  /**
   * Whether the invoker accepts this invocation. The result may depend on the rank: a color may wait at its home only.
   * @param rank of the invoker in the color's order; 0 for its home.
   */
  accepts(invoker: number, rank: number): boolean;
  /** The number of the invoker's invocations in flight. */
  underWay(invoker: number): number;
  /** The number of invocations in flight on all invokers. */
  readonly totalUnderWay: number;
}

/** The load of an invoker. */
export interface InvokerLoad {
  /** The number of the invoker. */
  readonly invoker: number;
  /** The load in any unit, such as the mean of MB in use since the last report. */
  readonly load: number;
}

/** The share of colors that an invoker should get. */
export interface Weight {
  /** The number of the invoker. */
  readonly invoker: number;
  /** Its memory in MB; over 0. */
  readonly weight: number;
  /** The warmth from 0 to 1. The current share is the weight times the warmth. */
  readonly warmth: number;
}

/** An update that a policy sends to the same policy of the other controllers. */
export interface SharedUpdate {
  /** The name of the updated state, at most 100 characters. The latest update of a key is valid. */
  readonly key: string;
  /** The new state. */
  readonly value: string | number;
}

/** The state that a policy shares with the other controllers. */
export interface SharedState {
  /**
   * Applies an update of another controller or its own. All controllers apply updates in the same order.
   * @param ageMs the time since it was sent.
   */
  adopt(update: SharedUpdate, ageMs: number): void;
  /** Whether an update still matches this policy's state. An outdated update is not sent. */
  holds(update: SharedUpdate): boolean;
  /** The update that the leader sends at each load report. Missing: none. */
  summary?(): SharedUpdate | undefined;
}

/** The controller's services for a policy. */
export interface PolicySurroundings {
  /** The parameters of the installation. */
  readonly options: PolicyOptions;
  /** Sends an update to the other controllers without waiting. For policies with `shared`. */
  readonly share: (update: SharedUpdate) => void;
}

/**
 * Maps colors to invokers. A policy has no I/O and no clock: its results depend only on its seed and the previous
 * calls, so they are equal in every process. Invokers are numbers from 0 to 65,534.
 *
 * A policy defines an order of invokers for each color. `room` decides whether an invoker has room or is worth a wait.
 * `policyContract` (exported from `palette-whisk/policies`) tests these rules.
 */
export interface ColorPolicy {
  /** The name by which settings, annotations and requests choose the policy. */
  readonly name: string;
  /**
   * Calls `room.accepts` for the color's home and then for its next choices, always in the same order and with their
   * ranks, and chooses the first invoker that accepts.
   * @returns undefined if none of the first choices accepts: the invocation is then placed like an uncolored one.
   */
  assign(color: ColorKey, room: Room): ColorChoice | undefined;
  /** Adds invokers. Ignores known ones. */
  joined(invokers: readonly number[]): void;
  /** Removes an invoker: its colors get new homes. */
  left(invoker: number): void;
  /**
   * To be called when an invoker becomes unhealthy or healthy. An unhealthy invoker stays the home of its colors, which
   * use their next choices; no color gets a new home there. Missing: the policy ignores health.
   */
  becameHealthy?(invoker: number, healthy: boolean): void;
  /**
   * Sets the shares of invokers, relative to each other. Called before an invoker joins and after each change, such as
   * the steps of a warm-up. Missing: all shares are equal.
   */
  weigh?(weights: readonly Weight[]): void;
  /** Reports the load of the invokers every ten seconds. A policy may move homes, and may count reports as time. */
  loadReport?(loads: readonly InvokerLoad[], leads: boolean): void;
  /** The home and the next choices of a color, without an assignment; empty for a policy without homes. */
  homes(color: ColorKey): readonly number[];
  /** The number of moved homes of colors or buckets so far, as far as the policy knows them. */
  readonly moves: number;
  /** For each invoker the number of known colors with their home there, and of buckets if the policy has buckets. */
  census(): readonly {
    /** The number of the invoker. */
    readonly invoker: number;
    /** The number of known colors whose home it is. */
    readonly colors: number;
    /** The number of its buckets. Missing: the policy has no buckets. */
    readonly buckets?: number;
  }[];
  /** Missing: the policy shares nothing. */
  readonly shared?: SharedState;
}

/** The parameters of all policies. */
export interface PolicyOptions {
  /** The seed of hashes and of random choices: a whole number from 0 to 2^32 - 1. */
  readonly seed: number;
  /** The most choices of a color to try, including its home. */
  readonly choices: number;
  /** `consistent-hashing`, `bounded-load`: the number of an invoker's points on the ring. */
  readonly virtualNodes: number;
  /** `bounded-load`: the bound on an invoker's load as a multiple of the mean, in addition to chance. Over 1. */
  readonly loadFactor: number;
  /** `bounded-load`: the smallest bound on an invoker's concurrent invocations. */
  readonly loadFloor: number;
  /** `least-assigned`: the most colors to remember. The least recently used ones are forgotten. */
  readonly maxColors: number;
  /** `least-assigned`: the number of load reports without use after which a color no longer counts for its home. */
  readonly liveReports: number;
  /**
   * `least-assigned`: the number of load reports after which a color in use is shared again, before the topic drops it.
   */
  readonly tellAgainReports: number;
  /** `bucket-hashing`: buckets start to move at this ratio of the largest load to the mean. Over 1. */
  readonly rebalanceAbove: number;
  /** `bucket-hashing`: buckets stop moving at this ratio of the largest load to the mean. At most `rebalanceAbove`. */
  readonly rebalanceTo: number;
  /** `bucket-hashing`: the most moves of the 16,384 buckets at one load report. */
  readonly maxBucketMoves: number;
}

/** The interval of load reports, in ms. */
export const REPORT_MS = 10_000;

/** The default options of policies. */
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
  rebalanceAbove: 1.15,
  rebalanceTo: 1.05,
  maxBucketMoves: 164,
};

/** Makes a policy. Called once for each pool of invokers that uses it. */
export type PolicyMaker = (surroundings: PolicySurroundings) => ColorPolicy;
