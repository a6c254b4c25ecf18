import type { Limits } from '../../shared/config/limits.js';
import type { Identity } from '../../shared/entities/identity.js';
import type { UserMetric } from '../../shared/events/UserEvents.js';
import { ThrottledError } from '../refusals/refusals.js';
import { MinuteCounter } from './MinuteCounter.js';
import { judgeConcurrency, judgeRate, shareOfLimit } from './rates.js';

export interface ThrottleSources {
  readonly limits: Limits;
  /** The number of controllers that share the limits. */
  clusterSize(): number;
  /** The number of a namespace's invocations that this controller has in flight. */
  activeActivations(namespaceUuid: string): number;
  /** Milliseconds since the epoch. */
  clock(): number;
  /** Called with the number of a namespace's concurrent invocations, and each time that it exceeds a limit. */
  onMetric?: ((metric: UserMetric, value: number, user: Identity) => void) | undefined;
}

/** Enforces the limits of namespaces: invocations and fires per minute, and concurrent invocations. */
export class Throttles {
  readonly #sources: ThrottleSources;
  readonly #invocations = new MinuteCounter();
  readonly #fires = new MinuteCounter();

  constructor(sources: ThrottleSources) {
    this.#sources = sources;
  }

  /** Counts an invocation. @throws ThrottledError */
  invocation(user: Identity): void {
    const { limits } = this.#sources;
    this.#rate(this.#invocations, user, user.limits.invocationsPerMinute ?? limits.invocationsPerMinute);
    const active = this.concurrency(user);
    this.#sources.onMetric?.('ConcurrentInvocations', active, user);
  }

  /** Counts a fire of a trigger. @throws ThrottledError */
  fire(user: Identity): void {
    this.#rate(this.#fires, user, user.limits.firesPerMinute ?? this.#sources.limits.firesPerMinute);
  }

  /** Checks the limit for one more concurrent invocation. @returns their number with it. @throws ThrottledError */
  concurrency(user: Identity): number {
    const sources = this.#sources;
    const limit = user.limits.concurrentInvocations ?? sources.limits.concurrentInvocations;
    const active = sources.activeActivations(user.namespace.uuid);
    const { ok, count, allowed } = judgeConcurrency(active, shareOfLimit(limit, sources.clusterSize()));
    if (ok) return count + 1;
    sources.onMetric?.('ConcurrentRateLimit', 1, user);
    throw new ThrottledError('concurrent', count, allowed);
  }

  #rate(counter: MinuteCounter, user: Identity, limit: number): void {
    const sources = this.#sources;
    const counted = counter.increment(user.namespace.uuid, sources.clock());
    const { ok, count, allowed } = judgeRate(counted, shareOfLimit(limit, sources.clusterSize()));
    if (ok) return;
    sources.onMetric?.('TimedRateLimit', 1, user);
    throw new ThrottledError('per minute', count, allowed);
  }
}
