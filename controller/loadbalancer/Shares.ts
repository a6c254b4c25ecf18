import type { InvokerInstance } from '../../shared/messages/instances.js';
import { parseSize } from '../../shared/messages/instances.js';
import type { InvokerHealth } from './LoadBalancer.js';
import { stepSizes, type Candidate } from './schedule.js';
import { InvokerCapacity } from './InvokerCapacity.js';

/** Invokers among which an action is placed, and the steps of the search among them. */
export interface Pool {
  readonly candidates: readonly Candidate[];
  readonly stepSizes: readonly number[];
}

/** How the invokers are divided; fractions from 0 to 1. */
export interface ShareOptions {
  /** Of the invokers, for actions of the runtimes manifest. */
  readonly managedFraction: number;
  /** Of the invokers, for users' own images; at least what the managed ones leave. */
  readonly blackboxFraction: number;
  /** The least share of an invoker in MB: the smallest action has to fit. */
  readonly minMemory: number;
}

interface Entry {
  readonly instance: number;
  readonly capacity: InvokerCapacity;
  up: boolean;
  memory: number;
}

/**
 * The part of the invokers that is this controller's to fill. Each of `clusterSize` controllers takes an equal share of
 * each invoker's memory. The first invokers take managed actions and the last ones blackbox actions; where there are few,
 * the two overlap, and each has at least one.
 *
 * With a new cluster size, Apache OpenWhisk forgets what is under way and starts with empty books; here the shares change
 * and what is in use stays counted, so that a controller that joins does not overload every invoker.
 */
export class Shares {
  readonly #options: ShareOptions;
  readonly #managedFraction: number;
  readonly #blackboxFraction: number;
  readonly #entries: Entry[] = [];
  #clusterSize = 1;
  #managed: Pool = { candidates: [], stepSizes: [] };
  #blackbox: Pool = { candidates: [], stepSizes: [] };

  constructor(options: ShareOptions) {
    this.#options = options;
    this.#managedFraction = Math.max(0, Math.min(1, options.managedFraction));
    this.#blackboxFraction = Math.max(1 - this.#managedFraction, Math.min(1, options.blackboxFraction));
  }

  get managed(): Pool {
    return this.#managed;
  }

  get blackbox(): Pool {
    return this.#blackbox;
  }

  get all(): readonly Candidate[] {
    return this.#entries;
  }

  get clusterSize(): number {
    return this.#clusterSize;
  }

  /** The invoker with that number, if it was ever seen. */
  candidate(instance: number): Candidate | undefined {
    return this.#entries[instance];
  }

  /** @param invokers all that were ever seen, in the order of their numbers and without gaps. */
  updateInvokers(invokers: readonly InvokerHealth[]): void {
    const before = this.#entries.length;
    invokers.forEach(({ instance, status }, index) => {
      const memory = memoryOf(instance);
      let entry = this.#entries[index];
      if (!entry) {
        entry = { instance: index, capacity: new InvokerCapacity(this.#shareOf(memory)), up: false, memory };
        this.#entries.push(entry);
      } else if (entry.memory !== memory) {
        entry.memory = memory;
        entry.capacity.resize(this.#shareOf(memory));
      }
      entry.up = status === 'up';
    });
    if (this.#entries.length !== before) this.#divide();
  }

  /** @param size how many controllers there are; less than 1 counts as 1. */
  updateCluster(size: number): void {
    const clusterSize = Math.max(1, size);
    if (clusterSize === this.#clusterSize) return;
    this.#clusterSize = clusterSize;
    for (const entry of this.#entries) entry.capacity.resize(this.#shareOf(entry.memory));
  }

  #divide(): void {
    const count = this.#entries.length;
    const managed = Math.max(1, Math.ceil(count * this.#managedFraction));
    const blackbox = Math.max(1, Math.floor(count * this.#blackboxFraction));
    this.#managed = { candidates: this.#entries.slice(0, managed), stepSizes: stepSizes(managed) };
    this.#blackbox = { candidates: this.#entries.slice(-blackbox), stepSizes: stepSizes(blackbox) };
  }

  #shareOf(memory: number): number {
    return Math.max(this.#options.minMemory, Math.floor(memory / this.#clusterSize));
  }
}

const MB = 1024 * 1024;

/** MB of an invoker for containers; 0 where it does not say. */
export function memoryOf(instance: InvokerInstance): number {
  return Math.floor((parseSize(instance.userMemory) ?? 0) / MB);
}
