import { DEFAULT_SESSION_TIMEOUT_MS, rebalanceTimeoutMs } from './options.js';

/** The times of a consumer, in ms. */
export interface ConsumerTimes {
  /** The longest time between the end of a handler and the commit. */
  readonly commitMs: number;
  /**
   * The time of failing commits, while the bus answers, after which the consumer joins again: if the coordinator says that
   * the consumer is not a member.
   */
  readonly commitsRefusedMs: number;
  /** The same if it gets no answers to heartbeats either. */
  readonly commitsFailMs: number;
  /** The same although heartbeats get answers. */
  readonly commitsStuckMs: number;
  /** The time without heartbeats from the coordinator, while the bus answers, after which the consumer joins again. */
  readonly silentMs: number;
  /** The time without a response to a fetch, although the bus answers and there is room for messages. */
  readonly fetchesStuckMs: number;
  /** The interval of checks of these times. */
  readonly watchMs: number;
  /**
   * The limit without a response for the first attempt to join, and the longest one: a busy broker may need longer. A join takes
   * some ten requests.
   */
  readonly attemptMs: readonly [first: number, longest: number];
  /** The limit for an attempt to join whose requests have responses. */
  readonly wholeAttemptMs: number;
  /** The first and the longest delay between attempts to join. */
  readonly joinMs: readonly [first: number, longest: number];
  /** The delay after a refusal, which only a person can resolve. */
  readonly refusedMs: number;
  /** The first and the longest delay after messages that cannot be read, which only a person can resolve. */
  readonly unreadableMs: readonly [first: number, longest: number];
  /**
   * The limit for leaving the group before the next attempt to join: a coordinator that is frozen or gone does not respond
   * to it. A coordinator that responds later then removes the former member.
   */
  readonly leaveMs: number;
  /** The limit for a commit, and for leaving the group at the close. */
  readonly lastMs: number;
}

/**
 * The times for a session timeout. Heartbeats are sent four times in a session, and a join takes as long as the other members
 * have for theirs.
 */
export function consumerTimes(sessionTimeoutMs: number): ConsumerTimes {
  const firstAttemptMs = Math.max(20_000, rebalanceTimeoutMs(sessionTimeoutMs) + 5000);
  return {
    commitMs: 200,
    commitsRefusedMs: 5000,
    commitsFailMs: Math.max(10_000, sessionTimeoutMs),
    commitsStuckMs: 20_000,
    silentMs: Math.max(15_000, 2.5 * sessionTimeoutMs),
    fetchesStuckMs: 30_000,
    watchMs: 1000,
    attemptMs: [firstAttemptMs, Math.max(60_000, firstAttemptMs)],
    wholeAttemptMs: Math.max(60_000, 2 * firstAttemptMs),
    joinMs: [100, 1000],
    refusedMs: 10_000,
    unreadableMs: [1000, 30_000],
    leaveMs: 1000,
    lastMs: 5000,
  };
}

export const CONSUMER_TIMES = consumerTimes(DEFAULT_SESSION_TIMEOUT_MS);

/** The time in ms that something has lasted, while the bus answered. */
export interface Trouble {
  /** Since the first commit that has not succeeded yet; undefined: none waits. */
  readonly uncommittedMs: number | undefined;
  /** Since the last heartbeat that the coordinator accepted. */
  readonly silentMs: number;
  /** Since the last response to a fetch, or since there was no room for messages; undefined: the library does not tell. */
  readonly unfetchedMs?: number | undefined;
  /** Whether the coordinator has answered to the last commit that it does not know the member or its generation. */
  readonly isUnknown: boolean;
}

/**
 * Why a member should join its group again; undefined: it should not. A late commit alone is no reason, since a heartbeat
 * shows that the coordinator knows the member: a busy broker would get more work, and the commit would be later.
 */
export function reasonToRejoin(trouble: Trouble, times: ConsumerTimes): keyof typeof TROUBLES | undefined {
  const { uncommittedMs, silentMs, unfetchedMs = 0, isUnknown } = trouble;
  if (uncommittedMs !== undefined) {
    if (uncommittedMs >= times.commitsStuckMs) return 'commits';
    if (isUnknown && uncommittedMs >= times.commitsRefusedMs) return 'commits';
    if (Math.min(uncommittedMs, silentMs) >= times.commitsFailMs) return 'commits';
  }
  if (silentMs >= times.silentMs) return 'heartbeats';
  return unfetchedMs >= times.fetchesStuckMs ? 'fetches' : undefined;
}

/** What a consumer says of itself for each reason. */
export const TROUBLES = {
  commits: 'cannot commit offsets',
  heartbeats: 'gets no response from the coordinator of its group',
  fetches: 'gets no response to its fetches',
} as const;
