import { colorKey, type ColorKey } from '../../shared/colors/colorKey.js';
import {
  isPolicyName,
  type ColorPolicy,
  type InvokerLoad,
  type PolicyName,
  type PolicyOptions,
  type Room,
} from '../../shared/colors/ColorPolicy.js';
import type { ColorConfig } from '../../shared/config/colorSettings.js';
import { createPolicy } from '../../shared/colors/createPolicy.js';
import { BucketHashing } from '../../shared/colors/policies/BucketHashing.js';
import { LeastAssigned } from '../../shared/colors/policies/LeastAssigned.js';
import type { Assignment, PoolName } from '../../shared/messages/assignment.js';
import { decodeOwners, encodeOwners } from './assignments.js';
import { newCounts, type ColorMetrics, type Counted, type PolicyCounts } from './ColorMetrics.js';
import { hasRoom, type Candidate, type ResourceRequest } from './schedule.js';
import type { Shares } from './Shares.js';

export interface PaletteParts {
  readonly options: ColorConfig;
  readonly shares: Shares;
  readonly metrics: ColorMetrics;
  /** Invocations of this controller under way. */
  readonly totalUnderWay: () => number;
  /** Whether an invoker was down for so long that its colors need new homes. */
  readonly isGone: (instance: number) => boolean;
  /** Tells the other controllers. */
  readonly tell: (assignment: Assignment) => void;
  /** A policy that keeps a table is used for the first time. */
  readonly onShared: () => void;
}

export interface ColoredPlacement {
  readonly candidate: Candidate;
  readonly hit: boolean;
}

interface InUse {
  readonly pool: PoolName;
  readonly policy: ColorPolicy;
  readonly counts: PolicyCounts;
  members: ReadonlySet<number>;
  readonly up: Set<number>;
}

/**
 * The balancer's colors: which policy places an invocation, and what the policies have to know of the invokers. A policy is
 * made when the first invocation needs it, for each pool of invokers its own: an installation without colors has none.
 */
export class Palette {
  readonly #parts: PaletteParts;
  readonly #inUse = new Map<string, InUse>();
  readonly #room: InvocationRoom;

  constructor(parts: PaletteParts) {
    this.#parts = parts;
    this.#room = new InvocationRoom(parts.shares, parts.totalUnderWay);
    parts.metrics.observe(() => this.#counted());
  }

  /**
   * The policy of an invocation: the one that its action names, else its namespace, else the installation's. One that there
   * is none of is ignored and counted.
   * @param ofNamespace its limit `colorPolicy`.
   */
  policyFor(ofAction: string | undefined, ofNamespace: unknown): PolicyName {
    const { metrics, options } = this.#parts;
    if (ofAction !== undefined) {
      if (isPolicyName(ofAction)) return ofAction;
      metrics.unknownPolicy('action');
    }
    if (ofNamespace !== undefined) {
      if (typeof ofNamespace === 'string' && isPolicyName(ofNamespace)) return ofNamespace;
      metrics.unknownPolicy('namespace');
    }
    return options.policy;
  }

  /**
   * The color's home, or the first of its next choices that has room.
   * @returns undefined where none has: the invocation is placed as if it had no color.
   */
  place(
    pool: PoolName,
    name: PolicyName,
    namespace: string,
    color: string,
    resources: ResourceRequest,
  ): ColoredPlacement | undefined {
    const { policy, counts } = this.#use(pool, name);
    this.#room.resources = resources;
    const choice = policy.assign(colorKey(namespace, color), this.#room);
    counts.assignments++;
    if (!choice) {
      counts.strays++;
      return undefined;
    }
    const hit = choice.rank === 0;
    if (hit) counts.hits++;
    else counts.spills++;
    counts.placed.set(choice.invoker, (counts.placed.get(choice.invoker) ?? 0) + 1);
    return { candidate: this.#parts.shares.candidate(choice.invoker) as Candidate, hit };
  }

  /** Whether an invoker is the home of a color, for an invocation that was placed without the color's help. */
  isHome(pool: PoolName, name: PolicyName, namespace: string, color: string, invoker: number): boolean {
    return this.#use(pool, name).policy.homes(colorKey(namespace, color))[0] === invoker;
  }

  get isUsed(): boolean {
    return this.#inUse.size > 0;
  }

  /** The invokers or their states changed, or one is gone for good. */
  updateInvokers(): void {
    for (const inUse of this.#inUse.values()) this.#update(inUse);
  }

  /**
   * The load of the invokers, now and then.
   * @param leads whether this controller is the one that moves buckets for all.
   */
  report(loads: readonly InvokerLoad[], leads: boolean): void {
    for (const { pool, policy, counts } of this.#inUse.values()) {
      for (const [invoker, count] of counts.placed) counts.placed.set(invoker, count * 0.99);
      if (policy instanceof BucketHashing) {
        if (!leads) continue;
        policy.loadReport(loads);
        // Told each time, also unchanged: a controller that saw the invokers come in another order is put right.
        this.#parts.tell({ kind: 'buckets', pool, owners: encodeOwners(policy.table) });
      } else {
        policy.loadReport(loads);
      }
    }
  }

  /** Takes over what a controller, this one too, has told. */
  adopt(assignment: Assignment): void {
    if (assignment.kind === 'color') {
      const { policy } = this.#use(assignment.pool, 'least-assigned');
      if (policy instanceof LeastAssigned) policy.adopt(assignment.color, assignment.invoker);
    } else if (assignment.kind === 'buckets') {
      const { policy } = this.#use(assignment.pool, 'bucket-hashing');
      const owners = decodeOwners(assignment.owners);
      if (owners && policy instanceof BucketHashing) policy.adopt(owners);
    }
  }

  /** Whether a color still has the home that was assigned. A whole table is told again before long, and holds no more. */
  holds(assignment: Assignment): boolean {
    if (assignment.kind !== 'color') return false;
    return this.#use(assignment.pool, 'least-assigned').policy.homes(assignment.color)[0] === assignment.invoker;
  }

  /** For operators: the policies in use, and what each invoker is home of. */
  view(): PaletteView {
    return {
      policy: this.#parts.options.policy,
      parameters: this.#parts.options.parameters,
      inUse: [...this.#inUse.values()].map(({ pool, policy, counts, up }) => ({
        pool,
        policy: policy.name,
        assignments: counts.assignments,
        hits: counts.hits,
        spills: counts.spills,
        strays: counts.strays,
        moves: policy.moves,
        invokers: policy.census().map((row) => ({
          ...row,
          up: up.has(row.invoker),
          placedLately: Math.round(counts.placed.get(row.invoker) ?? 0),
        })),
      })),
    };
  }

  /** For operators: the home and the next choices of a color, by each policy in use. */
  homes(namespace: string, color: string): { pool: PoolName; policy: PolicyName; homes: readonly number[] }[] {
    const key: ColorKey = colorKey(namespace, color);
    return [...this.#inUse.values()].map(({ pool, policy }) => ({
      pool,
      policy: policy.name,
      homes: policy.homes(key),
    }));
  }

  #use(pool: PoolName, name: PolicyName): InUse {
    const key = pool === 'managed' ? name : `${pool}/${name}`;
    let inUse = this.#inUse.get(key);
    if (!inUse) {
      const { options, tell, onShared } = this.#parts;
      const policy = createPolicy(name, options.parameters, (color, invoker) =>
        tell({ kind: 'color', pool, color, invoker }),
      );
      inUse = { pool, policy, counts: newCounts(), members: new Set(), up: new Set() };
      this.#inUse.set(key, inUse);
      this.#update(inUse);
      if (needsSharing(name)) onShared();
    }
    return inUse;
  }

  #update(inUse: InUse): void {
    const { policy, up } = inUse;
    const candidates = this.#parts.shares[inUse.pool].candidates.filter(
      ({ instance }) => !this.#parts.isGone(instance),
    );
    const now = new Set(candidates.map(({ instance }) => instance));
    const joined = [...now].filter((invoker) => !inUse.members.has(invoker));
    const left = [...inUse.members].filter((invoker) => !now.has(invoker));
    inUse.members = now;
    if (joined.length > 0) policy.joined(joined);
    for (const invoker of joined) up.add(invoker);
    for (const invoker of left) {
      policy.left(invoker);
      up.delete(invoker);
    }
    for (const candidate of candidates) {
      if (candidate.up === up.has(candidate.instance)) continue;
      policy.becameHealthy(candidate.instance, candidate.up);
      if (candidate.up) up.add(candidate.instance);
      else up.delete(candidate.instance);
    }
  }

  *#counted(): Generator<Counted> {
    for (const { pool, policy, counts, members } of this.#inUse.values()) {
      const placed = Array.from(members, (invoker) => counts.placed.get(invoker) ?? 0);
      yield { pool, policy: policy.name, counts, moves: policy.moves, placed };
    }
  }
}

/** What operators see of the colors. */
export interface PaletteView {
  readonly policy: PolicyName;
  readonly parameters: PolicyOptions;
  readonly inUse: readonly {
    readonly pool: PoolName;
    readonly policy: PolicyName;
    readonly assignments: number;
    readonly hits: number;
    readonly spills: number;
    readonly strays: number;
    readonly moves: number;
    readonly invokers: readonly {
      readonly invoker: number;
      readonly up: boolean;
      readonly colors: number;
      readonly buckets?: number | undefined;
      readonly placedLately: number;
    }[];
  }[];
}

/** Whether a policy keeps a table that the controllers share. */
export const needsSharing = (name: PolicyName): boolean => name === 'least-assigned' || name === 'bucket-hashing';

const NO_REQUEST: ResourceRequest = { key: '', concurrency: 1, memory: 0 };

/** The room for one invocation; the same object for all of them, since a policy keeps nothing of it. */
class InvocationRoom implements Room {
  resources: ResourceRequest = NO_REQUEST;
  readonly #shares: Shares;
  readonly #total: () => number;

  constructor(shares: Shares, total: () => number) {
    this.#shares = shares;
    this.#total = total;
  }

  get totalUnderWay(): number {
    return this.#total();
  }

  accepts(invoker: number): boolean {
    const candidate = this.#shares.candidate(invoker);
    return candidate !== undefined && hasRoom(candidate, this.resources);
  }

  underWay(invoker: number): number {
    return this.#shares.candidate(invoker)?.capacity.underWay ?? 0;
  }
}
