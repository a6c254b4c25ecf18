import {
  BUCKETS,
  decodeOwners,
  emptyTable,
  encodeOwners,
  imbalance,
  NOBODY,
  rebalance,
  reconcile,
} from '../buckets.js';
import { mix, pointOf, type ColorKey } from '../colorKey.js';
import type {
  ColorChoice,
  ColorPolicy,
  InvokerLoad,
  PolicyOptions,
  Room,
  SharedState,
  SharedUpdate,
  Weight,
} from '../ColorPolicy.js';
import { RecentColors } from '../RecentColors.js';
import { UnknownOwners } from '../UnknownOwners.js';

const MASK = BUCKETS - 1;

/** The deviations of the load by chance that move no bucket. */
const CHANCE = 2;

/**
 * Bucket hashing: the hash of a color chooses one of 16,384 buckets, and a table contains the owner of each bucket
 * (`buckets.ts`). The next choices are the owners of further buckets, in an order that depends on the color's bucket.
 * Compared with consistent hashing, shares are even (bucket counts differ by one), and buckets can move to balance the
 * load. The price is a table that controllers must share.
 */
export class BucketHashing implements ColorPolicy {
  readonly name = 'bucket-hashing';
  readonly #options: PolicyOptions;
  readonly #uses = new Float64Array(BUCKETS);
  readonly #recent = new RecentColors();
  readonly #unhealthy = new Set<number>();
  readonly #weights = new Map<number, Weight>();
  readonly #unknownOwners = new UnknownOwners();
  #members: readonly number[] = [];
  #owners = emptyTable();
  #balancing = false;
  #moves = 0;

  constructor(options: PolicyOptions) {
    this.#options = options;
  }

  get moves(): number {
    return this.#moves;
  }

  /** One update contains the whole table. The leader sends it at each load report, even if it is unchanged. */
  readonly shared: SharedState = {
    adopt: ({ value }: SharedUpdate): void => {
      const table = typeof value === 'string' ? decodeOwners(value) : undefined;
      if (table) this.#settle(table);
    },
    // The next table follows soon, so an old one is never sent late.
    holds: () => false,
    summary: () => ({ key: 'buckets', value: encodeOwners(this.#owners) }),
  };

  /** A copy of the owners of all buckets. */
  get table(): Uint16Array {
    return this.#owners.slice();
  }

  assign(color: ColorKey, room: Room): ColorChoice | undefined {
    const point = pointOf(color, this.#options.seed);
    const bucket = point & MASK;
    this.#uses[bucket] = (this.#uses[bucket] ?? 0) + 1;
    this.#recent.see(color, point >>> 14);
    const home = this.#owners[bucket] ?? NOBODY;
    if (home === NOBODY) return undefined;
    if (room.accepts(home, 0)) return { invoker: home, rank: 0 };
    return this.#walk(bucket, home, (invoker, rank) => room.accepts(invoker, rank));
  }

  joined(invokers: readonly number[]): void {
    const members = [...new Set([...this.#members, ...invokers])].toSorted((a, b) => a - b);
    if (members.length === this.#members.length) return;
    this.#members = members;
    this.#settle(this.#owners);
  }

  weigh(weights: readonly Weight[]): void {
    const heavier = new Set<number>();
    for (const weight of weights) {
      const before = this.#weightOf(weight.invoker);
      this.#weights.set(weight.invoker, weight);
      if (this.#weightOf(weight.invoker) > before && this.#members.includes(weight.invoker))
        heavier.add(weight.invoker);
    }
    if (heavier.size > 0) this.#settle(this.#owners, NOBODY, heavier);
  }

  left(invoker: number): void {
    this.#unhealthy.delete(invoker);
    this.#weights.delete(invoker);
    if (!this.#members.includes(invoker)) return;
    this.#members = this.#members.filter((other) => other !== invoker);
    this.#settle(this.#owners, invoker);
  }

  becameHealthy(invoker: number, healthy: boolean): void {
    if (healthy) this.#unhealthy.delete(invoker);
    else this.#unhealthy.add(invoker);
  }

  /**
   * Moves buckets to balance the load: starts above one bound and continues at each report down to a lower one, both
   * with an allowance for chance. Only the leader moves buckets.
   *
   * Example: 4 invokers had 400 invocations lately, so each varies by a tenth: 2 · √(4/400) = 0.2. Moves start above 1.15
   * + 0.2 times the mean load. With 40,000 invocations they start above 1.15 + 0.02.
   */
  loadReport(loads: readonly InvokerLoad[], leads: boolean): void {
    if (!leads) return;
    const { rebalanceAbove, rebalanceTo, maxBucketMoves } = this.#options;
    const unknown = [...new Set(this.#owners)].filter((owner) => owner !== NOBODY && !this.#members.includes(owner));
    for (const gone of this.#unknownOwners.missing(unknown)) this.#settle(this.#owners, gone);
    const healthy = loads.filter(({ invoker }) => this.#members.includes(invoker) && !this.#unhealthy.has(invoker));
    const uneven = imbalance(
      healthy.map(({ load }) => load),
      healthy.map(({ invoker }) => this.#weightOf(invoker)),
    );
    this.#balancing = uneven > (this.#balancing ? rebalanceTo : rebalanceAbove) + this.#chance(healthy.length);
    if (this.#balancing) {
      const moves = rebalance(this.#owners, this.#uses, healthy, rebalanceTo, maxBucketMoves, (invoker) =>
        this.#weightOf(invoker),
      );
      for (const { bucket, to } of moves) this.#owners[bucket] = to;
      this.#moves += moves.length;
    }
    for (const [bucket, uses] of this.#uses.entries()) this.#uses[bucket] = uses / 2;
  }

  /** How uneven the load of so many invokers may look by chance, since few invocations do not show what is usual. */
  #chance(invokers: number): number {
    const uses = this.#uses.reduce((sum, own) => sum + own, 0);
    return CHANCE * Math.sqrt(invokers / Math.max(1, uses));
  }

  homes(color: ColorKey): readonly number[] {
    const bucket = pointOf(color, this.#options.seed) & MASK;
    const home = this.#owners[bucket] ?? NOBODY;
    if (home === NOBODY) return [];
    const homes = [home];
    this.#walk(bucket, home, (invoker) => {
      homes.push(invoker);
      return false;
    });
    return homes;
  }

  census(): { invoker: number; colors: number; buckets: number }[] {
    const rows = new Map(this.#members.map((invoker) => [invoker, { invoker, colors: 0, buckets: 0 }]));
    for (const owner of this.#owners) {
      const row = rows.get(owner);
      if (row) row.buckets++;
    }
    for (const color of this.#recent) {
      const row = rows.get(this.#owners[pointOf(color, this.#options.seed) & MASK] ?? NOBODY);
      if (row) row.colors++;
    }
    return [...rows.values()];
  }

  /** The current weight. An invoker without a weight gets the mean of the others. */
  #weightOf(invoker: number): number {
    const known = this.#weights.get(invoker);
    if (known) return Math.max(1e-9, known.weight * known.warmth);
    if (this.#weights.size === 0) return 1;
    let total = 0;
    for (const { weight } of this.#weights.values()) total += weight;
    return total / this.#weights.size;
  }

  /** Tries the owners of further buckets, each of them once, up to the last choice. */
  #walk(bucket: number, home: number, accepts: (invoker: number, rank: number) => boolean): ColorChoice | undefined {
    const asked = [home];
    // If a few invokers own most buckets, the walk meets them repeatedly: limit its steps.
    const steps = this.#options.choices * 8;
    for (let step = 1; step <= steps && asked.length < this.#options.choices; step++) {
      const owner = this.#owners[mix(bucket ^ mix(step)) & MASK] ?? NOBODY;
      if (asked.includes(owner)) continue;
      if (accepts(owner, asked.length)) return { invoker: owner, rank: asked.length };
      asked.push(owner);
    }
    return undefined;
  }

  /**
   * Installs a table. An unknown invoker keeps its buckets, since the sender may know more invokers. A known invoker
   * without buckets gets its share, since the sender may know fewer.
   */
  #settle(table: Uint16Array, gone = NOBODY, heavier?: ReadonlySet<number>): void {
    const everybody = new Set([...table, ...this.#members]);
    everybody.delete(NOBODY);
    everybody.delete(gone);
    const next = reconcile(
      table,
      [...everybody].toSorted((a, b) => a - b),
      (member) => this.#weightOf(member),
      heavier,
    );
    this.#moves += differences(this.#owners, next);
    this.#owners = next;
  }
}

/** The number of buckets whose owner changed. */
function differences(before: Uint16Array, after: Uint16Array): number {
  let count = 0;
  before.forEach((owner, bucket) => {
    if (owner !== NOBODY && owner !== after[bucket]) count++;
  });
  return count;
}
