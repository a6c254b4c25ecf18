import type { InvokerInstance } from '../../shared/messages/instances.js';
import { parseSize } from '../../shared/messages/instances.js';
import { InvokerCapacity } from './InvokerCapacity.js';
import type { InvokerHealth } from './LoadBalancer.js';
import { poolName, selects, type PoolSelector } from './pools.js';
import { stepSizes, type Candidate } from './schedule.js';
import { at } from '../../shared/collections/at.js';

/** The invokers for an action, and the step sizes of the search. */
export interface Pool {
  readonly name: string;
  readonly candidates: readonly Candidate[];
  readonly stepSizes: readonly number[];
  /** The invokers to use if none of these has room. */
  readonly fallback?: Pool | undefined;
}

/** The division of the invokers, as fractions from 0 to 1. */
export interface ShareOptions {
  /** The fraction of the invokers for actions of the runtimes manifest. */
  readonly managedFraction: number;
  /** The fraction of the invokers for users' own images: at least the rest of the managed fraction. */
  readonly blackboxFraction: number;
  /** The smallest share of an invoker in MB, so that the smallest action fits. */
  readonly minMemory: number;
}

interface InvokerShare extends Candidate {
  health: InvokerHealth;
  up: boolean;
  seen: boolean;
  memory: number;
}

/** The most pools to keep. It is bounded because the lists of tags come from users. */
const MAX_POOLS = 256;

/**
 * This controller's share of the invokers. Each of `clusterSize` controllers takes an equal share of each invoker's
 * memory. An action's pool contains the invokers that it may use (`pools.ts`). Without tags, the first invokers take
 * managed actions and the last ones blackbox actions. With few invokers the two pools overlap, and each has at least
 * one invoker.
 *
 * When the cluster size changes, Apache OpenWhisk starts again with nothing in use. Here, invocations in flight stay
 * counted against the new share, so that a controller that joins does not overload every invoker.
 */
export class Shares {
  readonly #options: ShareOptions;
  readonly #managedFraction: number;
  readonly #blackboxFraction: number;
  readonly #entries: InvokerShare[] = [];
  readonly #pools = new Map<string, Pool>();
  #clusterSize = 1;
  /** Whether no invoker has tags or is dedicated to namespaces: then there are only two pools. */
  #plain = true;

  constructor(options: ShareOptions) {
    this.#options = options;
    this.#managedFraction = Math.max(0, Math.min(1, options.managedFraction));
    this.#blackboxFraction = Math.max(1 - this.#managedFraction, Math.min(1, options.blackboxFraction));
  }

  get managed(): Pool {
    return this.#pool({ kind: 'managed' });
  }

  get blackbox(): Pool {
    return this.#pool({ kind: 'blackbox' });
  }

  get all(): readonly Candidate[] {
    return this.#entries;
  }

  get clusterSize(): number {
    return this.#clusterSize;
  }

  /** The invoker with this number; undefined if it never sent a ping. */
  candidate(instance: number): Candidate | undefined {
    return this.#entries[instance];
  }

  /** The invoker with this number. @throws RangeError if it never sent a ping. */
  known(instance: number): Candidate {
    return at<Candidate>(this.#entries, instance);
  }

  /**
   * The pool of an action.
   * @returns a pool without candidates if no invoker has the tags.
   */
  pool(selector: PoolSelector): Pool {
    if (this.#plain && selector.tags === undefined) return this.#pool({ kind: selector.kind });
    const { namespace } = selector;
    const dedicated =
      namespace !== undefined &&
      this.#entries.some(({ health }) => health.instance.dedicatedNamespaces.includes(namespace));
    return this.#pool({ ...selector, namespace: dedicated ? namespace : undefined });
  }

  /** @param invokers all invokers so far, in the order of their numbers and without gaps. */
  updateInvokers(invokers: readonly InvokerHealth[]): void {
    let divide = false;
    for (const [index, health] of invokers.entries()) {
      let entry = this.#entries[index];
      // Process only changed entries: the numbers may have thousands of gaps.
      if (entry?.health === health) continue;
      const memory = memoryOf(health.instance);
      if (!entry) {
        const capacity = new InvokerCapacity(this.#shareOf(memory));
        entry = { instance: index, health, capacity, up: false, seen: false, memory };
        this.#entries.push(entry);
        divide = true;
      } else {
        if (entry.memory !== memory) entry.capacity.resize(this.#shareOf(memory));
        divide ||= !sameSelection(entry.health.instance, health.instance);
      }
      entry.health = health;
      entry.memory = memory;
      entry.up = health.status === 'up';
      entry.seen = health.neverSeen !== true;
    }
    if (!divide) return;
    this.#pools.clear();
    this.#plain = this.#entries.every(
      ({ health: { instance } }) => instance.tags.length === 0 && instance.dedicatedNamespaces.length === 0,
    );
  }

  /** @param size the number of controllers; less than 1 counts as 1. */
  updateCluster(size: number): void {
    const clusterSize = Math.max(1, size);
    if (clusterSize === this.#clusterSize) return;
    this.#clusterSize = clusterSize;
    for (const entry of this.#entries) entry.capacity.resize(this.#shareOf(entry.memory));
  }

  #pool(selector: PoolSelector): Pool {
    const name = poolName(selector);
    let pool = this.#pools.get(name);
    if (!pool) {
      const [oldest] = this.#pools.keys();
      if (this.#pools.size >= MAX_POOLS && oldest !== undefined) this.#pools.delete(oldest);
      this.#pools.set(name, (pool = this.#divide(name, selector)));
    }
    return pool;
  }

  #divide(name: string, selector: PoolSelector): Pool {
    const { preferred, others } = selects(
      this.#entries.map(({ health }) => health.instance),
      selector,
    );
    const all = (instances: readonly number[]): Candidate[] => instances.map((instance) => this.known(instance));
    let own = preferred;
    if (selector.tags === undefined) {
      const share =
        selector.kind === 'managed'
          ? Math.max(1, Math.ceil(own.length * this.#managedFraction))
          : Math.max(1, Math.floor(own.length * this.#blackboxFraction));
      own = selector.kind === 'managed' ? own.slice(0, share) : own.slice(-share);
    }
    if (own.length === 0) return { name, candidates: all(others), stepSizes: stepSizes(others.length) };
    const fallback =
      others.length === 0 ? undefined : { name, candidates: all(others), stepSizes: stepSizes(others.length) };
    return { name, candidates: all(own), stepSizes: stepSizes(own.length), fallback };
  }

  #shareOf(memory: number): number {
    return Math.max(this.#options.minMemory, Math.floor(memory / this.#clusterSize));
  }
}

function sameSelection(a: InvokerInstance, b: InvokerInstance): boolean {
  const texts = ({ tags, dedicatedNamespaces }: InvokerInstance): string => JSON.stringify([tags, dedicatedNamespaces]);
  return texts(a) === texts(b);
}

const MB = 1024 * 1024;

/** An invoker's memory for containers in MB; 0 if its ping does not name it. */
function memoryOf(instance: InvokerInstance): number {
  return Math.floor((parseSize(instance.userMemory) ?? 0) / MB);
}
