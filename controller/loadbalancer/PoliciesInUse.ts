import type { ColorPolicy, PolicyMaker, PolicyOptions, SharedUpdate, Weight } from '../../shared/colors/ColorPolicy.js';
import { newCounts, type PolicyCounts } from './ColorMetrics.js';
import { parsePoolName } from './pools.js';
import type { Presence } from './Presence.js';
import type { Shares } from './Shares.js';
import type { Warmth } from './Warmth.js';

/** One policy at work in one pool of invokers. */
export interface PolicyInUse {
  readonly pool: string;
  readonly policy: ColorPolicy;
  readonly counts: PolicyCounts;
  readonly members: Set<number>;
  readonly healthy: Set<number>;
}

export interface PoliciesInUseParts {
  /** All policies by name. */
  readonly policies: ReadonlyMap<string, PolicyMaker>;
  readonly parameters: PolicyOptions;
  readonly shares: Shares;
  readonly presence: Presence;
  readonly warmth: Warmth;
  /** Tells the other controllers. */
  readonly share: (pool: string, policy: string, update: SharedUpdate) => void;
  /** Called when a policy that shares a state with other controllers is in use for the first time. */
  readonly onShared: () => void;
}

/** The most policies in use over all pools; the oldest one is removed. */
const MAX_IN_USE = 512;

/**
 * The policies in use: each pool of invokers has its own ones, created at the first use. Keeps them informed about the
 * invokers of their pool.
 */
export class PoliciesInUse {
  readonly #parts: PoliciesInUseParts;
  readonly #inUse = new Map<string, PolicyInUse>();

  constructor(parts: PoliciesInUseParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#inUse.size;
  }

  [Symbol.iterator](): Iterator<PolicyInUse> {
    return this.#inUse.values();
  }

  /** @throws RangeError if no policy has this name. */
  use(pool: string, name: string): PolicyInUse {
    // Nearly all invocations take this path: avoid building the key each time.
    const key = pool === 'managed' ? name : `${pool}/${name}`;
    return this.#inUse.get(key) ?? this.#create(key, pool, name);
  }

  /** The policy of an update; undefined if this controller does not know it. */
  named(pool: string, name: string): ColorPolicy | undefined {
    return parsePoolName(pool) && this.#parts.policies.has(name) ? this.use(pool, name).policy : undefined;
  }

  /** Whether a policy shares a state with other controllers. */
  shares(name: string): boolean {
    const make = this.#parts.policies.get(name);
    return make?.({ options: this.#parts.parameters, share: () => undefined }).shared !== undefined;
  }

  /** To be called when the invokers changed. */
  update(): void {
    for (const inUse of this.#inUse.values()) this.#update(inUse);
  }

  /** To be called when the weights of some invokers changed. */
  weigh(invokers: readonly number[]): void {
    for (const { policy } of this.#inUse.values()) this.#weigh(policy, invokers);
  }

  #create(key: string, pool: string, name: string): PolicyInUse {
    const { policies, parameters, share, onShared } = this.#parts;
    const make = policies.get(name);
    if (!make) throw new RangeError(`unknown color policy ${name}`);
    const policy = make({ options: parameters, share: (update) => share(pool, name, update) });
    const inUse = { pool, policy, counts: newCounts(), members: new Set<number>(), healthy: new Set<number>() };
    const [oldest] = this.#inUse.keys();
    if (this.#inUse.size >= MAX_IN_USE && oldest !== undefined) this.#inUse.delete(oldest);
    this.#inUse.set(key, inUse);
    this.#update(inUse);
    if (policy.shared) onShared();
    return inUse;
  }

  /** Updates a policy with the changed invokers of its pool. */
  #update(inUse: PolicyInUse): void {
    const { policy, members, healthy } = inUse;
    const selector = parsePoolName(inUse.pool);
    if (!selector) return;
    const { shares, presence } = this.#parts;
    const { candidates } = shares.pool(selector);
    const there = candidates.filter(({ seen, instance }) => seen && !presence.isGone(instance));
    const now = new Set(there.map(({ instance }) => instance));
    const joined = there.filter(({ instance }) => !members.has(instance));
    if (joined.length > 0) {
      this.#weigh(policy, now);
      policy.joined(joined.map(({ instance }) => instance));
      for (const { instance } of joined) {
        members.add(instance);
        healthy.add(instance);
      }
    }
    for (const invoker of members) {
      if (now.has(invoker)) continue;
      policy.left(invoker);
      members.delete(invoker);
      healthy.delete(invoker);
    }
    for (const { instance, up } of there) {
      if (up === healthy.has(instance)) continue;
      policy.becameHealthy?.(instance, up);
      if (up) healthy.add(instance);
      else healthy.delete(instance);
    }
  }

  #weigh(policy: ColorPolicy, invokers: Iterable<number>): void {
    if (!policy.weigh) return;
    const weights: Weight[] = [];
    for (const invoker of invokers) {
      const memory = this.#parts.shares.candidate(invoker)?.memory ?? 0;
      weights.push({ invoker, weight: Math.max(1, memory), warmth: this.#parts.warmth.ofJoined(invoker) });
    }
    policy.weigh(weights);
  }
}
