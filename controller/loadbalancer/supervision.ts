import type { InvokerInstance } from '../../shared/messages/instances.js';
import type { PingMessage } from '../../shared/messages/ping.js';
import type { InvokerHealth, InvokerStatus } from './LoadBalancer.js';

/*
 * Decisions on the health of invokers
 * ===================================
 *
 *              enabled ping                 success, errors within bounds
 *    (new) ───────────────▶ unhealthy ─────────────────────────────────────▶ up
 *                             ▲   ▲  ◀───────────────────────────────────────┘
 *                enabled ping │   └── more than 3 system errors of the last 10
 *                             │       (more than 3 timeouts: unresponsive)
 *           down ─────────────┘
 *             ▲
 *             └── from any state: no ping for 10 s, or a ping of a disabled invoker
 *
 * An invoker pings each second. A new invoker, or one that was down, is unhealthy until it passes tests. While it is
 * unhealthy or unresponsive, it gets a test action at once, every ten seconds, and after each success, so that ten
 * successes take little time. (Apache OpenWhisk tests once a minute, and repeats after a success only for an unhealthy
 * invoker. After an outage of Kafka in which a few activations time out, its invokers need minutes to recover.) An
 * invoker gets no users' invocations before it is up. The last ten outcomes of users' invocations and tests decide on
 * the state. With at most three outcomes, one error makes the invoker unhealthy, and one success brings it up.
 *
 * A disabled invoker that says that it drains is down, and goes on to run what it gets: colors leave it bit by bit
 * (`Colors.ts`).
 *
 * An activation that is given up counts as a timeout only if its invoker has completed no activation since it was sent
 * (`InFlightActivations.ts`). Otherwise the invoker works, and a namespace with a long queue would make it unusable for
 * the others.
 *
 * A limitation of the rule: an error outside of the invoker (its store is unavailable) counts as the invoker's error.
 */

export type Outcome = 'success' | 'systemError' | 'timeout';

export interface SupervisionOptions {
  /** The time without a ping after which an invoker is down, in ms. */
  readonly offlineAfterMs: number;
  /** The interval of tests while an invoker is unhealthy, in ms. */
  readonly testEveryMs: number;
  /** Whether a new invoker is up at its first ping, without a test: for invokers in the same process. */
  readonly trustNew: boolean;
}

export const SUPERVISION: SupervisionOptions = { offlineAfterMs: 10_000, testEveryMs: 10_000, trustNew: false };

const BUFFER_SIZE = 10;
const TOLERATED = 3;

/** The buffer of an invoker that works well. All such invokers share it, so that it costs nothing on the hot path. */
const ALL_WELL: readonly Outcome[] = Array.from({ length: BUFFER_SIZE }, () => 'success');

/** The state of one invoker. `outcomes`: the last ten, oldest first. */
export interface Supervised {
  readonly instance: InvokerInstance;
  readonly status: InvokerStatus;
  readonly outcomes: readonly Outcome[];
  /** The time of the last ping. */
  readonly pingedAt: number;
  /** The time of the next test while the invoker is unhealthy or unresponsive. */
  readonly testAt: number;
  /** The URL of its object memory, from its last ping; undefined: it shares no objects. */
  readonly objectsUrl?: string | undefined;
  /** The kinds that the invoker cannot run, with the reasons; missing: not reported. */
  readonly unavailable?: { readonly kinds: Readonly<Record<string, string>>; readonly saidAt: number } | undefined;
  /** See `InvokerHealth`. */
  readonly prepares?: true | undefined;
  readonly drains?: true | undefined;
}

/** The time for which an invoker's report of kinds is valid, in ms. It reports every 10 s. */
const KINDS_MS = 30_000;

export interface Step {
  readonly next: Supervised;
  /** Whether to send a test action now. */
  readonly test: boolean;
}

/** The step after a ping. `before`: undefined for a new invoker. */
export function pinged(
  before: Supervised | undefined,
  ping: PingMessage,
  now: number,
  options: SupervisionOptions,
): Step {
  const enabled = ping.isEnabled ?? true;
  const instance = ping.name;
  const shared = ping.objects === undefined ? {} : { objectsUrl: ping.objects };
  const said: Partial<Supervised> = {
    ...(ping.unavailableKinds && { unavailable: { kinds: ping.unavailableKinds, saidAt: now } }),
    ...(ping.prepares === true && { prepares: true }),
    ...(!enabled && ping.drains === true && { drains: true }),
  };
  if (!before) {
    const unseen = { instance, outcomes: [], pingedAt: now, testAt: Infinity, ...shared };
    const next: Supervised = { ...unseen, status: 'down', ...said };
    return enabled ? enter(next, options.trustNew ? 'up' : 'unhealthy', now, options) : { next, test: false };
  }
  const { objectsUrl: _, drains: __, ...earlier } = before;
  const seen = { ...earlier, instance, pingedAt: now, ...shared, ...said };
  if (!enabled) return enter(seen, 'down', now, options);
  if (before.status === 'down') return enter(seen, options.trustNew ? 'up' : 'unhealthy', now, options);
  return { next: seen, test: false };
}

/** The step after an invocation, of a user or a test, ended or was given up. */
export function finished(before: Supervised, outcome: Outcome, now: number, options: SupervisionOptions): Step {
  if (before.outcomes === ALL_WELL && before.status === 'up' && outcome === 'success') {
    return { next: before, test: false };
  }
  let outcomes: readonly Outcome[] = [...before.outcomes, outcome].slice(-BUFFER_SIZE);
  if (count(outcomes, 'success') === BUFFER_SIZE) outcomes = ALL_WELL;
  const seen = { ...before, outcomes };
  const again = outcome === 'success' && before.status !== 'up';
  if (before.status === 'down' || (before.status === 'up' && outcome === 'success')) return { next: seen, test: false };
  const step = enter(seen, judge(before.status, outcomes, outcome), now, options);
  return again ? { ...step, test: true } : step;
}

/** The step after time passed. */
export function ticked(before: Supervised, now: number, options: SupervisionOptions): Step {
  if (before.status === 'down') return { next: before, test: false };
  if (now - before.pingedAt > options.offlineAfterMs) return enter(before, 'down', now, options);
  if (now < before.testAt) return { next: before, test: false };
  return { next: { ...before, testAt: now + options.testEveryMs }, test: true };
}

/**
 * Why no invoker that is up can run actions of a kind; undefined if one can or may be able to, or if no invoker is up.
 */
export function unavailableKind(kind: string, invokers: Iterable<Supervised>, now: number): string | undefined {
  let first: string | undefined;
  for (const { status, unavailable } of invokers) {
    if (status !== 'up') continue;
    if (!unavailable || now - unavailable.saidAt > KINDS_MS || !Object.hasOwn(unavailable.kinds, kind))
      return undefined;
    first ??= unavailable.kinds[kind];
  }
  return first;
}

function judge(status: InvokerStatus, outcomes: readonly Outcome[], last: Outcome): InvokerStatus {
  if (count(outcomes, 'systemError') > TOLERATED) return 'unhealthy';
  if (count(outcomes, 'timeout') > TOLERATED) return 'unresponsive';
  if (last === 'success') return 'up';
  if (outcomes.length > TOLERATED) return status;
  return last === 'systemError' ? 'unhealthy' : 'unresponsive';
}

function count(outcomes: readonly Outcome[], outcome: Outcome): number {
  let found = 0;
  for (const one of outcomes) if (one === outcome) found++;
  return found;
}

function enter(before: Supervised, status: InvokerStatus, now: number, options: SupervisionOptions): Step {
  if (before.status === status) return { next: before, test: false };
  const tested = status === 'unhealthy' || status === 'unresponsive';
  return { next: { ...before, status, testAt: tested ? now + options.testEveryMs : Infinity }, test: tested };
}

/**
 * The list of invokers for the balancer and the API after a change of one invoker: one entry for each number up to the
 * highest. A number that never pinged is down, with the memory of the invoker after the gap. Unchanged entries are the
 * same objects.
 */
export function listed(before: readonly InvokerHealth[], changed: InvokerHealth): InvokerHealth[] {
  const list = before.slice();
  const { instance } = changed.instance;
  for (let gap = list.length; gap < instance; gap++) {
    const never: InvokerInstance = { ...changed.instance, instance: gap, tags: [], dedicatedNamespaces: [] };
    delete never.uniqueName;
    delete never.displayedName;
    list.push({ instance: never, status: 'down', neverSeen: true });
  }
  list[instance] = changed;
  return list;
}
