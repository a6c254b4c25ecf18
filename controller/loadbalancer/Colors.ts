import { colorKey, type ColorKey } from '../../shared/colors/colorKey.js';
import type { ColorPolicy, PolicyMaker, PolicyOptions, Room, Weight } from '../../shared/colors/ColorPolicy.js';
import { POLICIES } from '../../shared/colors/policies/policies.js';
import type { ColorConfig } from '../../shared/config/colorSettings.js';
import type { Logger } from '../../shared/logging/Logger.js';
import type { ActivationMessage, MessageColor } from '../../shared/messages/activation.js';
import type { ColorMessage } from '../../shared/messages/color.js';
import type { Messaging, Topic } from '../../shared/messaging/Messaging.js';
import { newCounts, type ColorMetrics, type Counted, type PolicyCounts } from './ColorMetrics.js';
import { ColorSharing } from './ColorSharing.js';
import type { ColorRequest, InvokerHealth } from './LoadBalancer.js';
import { LoadReports } from './LoadReports.js';
import { PatientRoom, worthwhile, type Waits } from './patience.js';
import { parsePoolName } from './pools.js';
import { chosenPolicy } from './policyChoice.js';
import type { InvokerChoice, ResourceRequest } from './schedule.js';
import type { Pool, Shares } from './Shares.js';
import { Warmth } from './Warmth.js';

export interface ColorsParts {
  readonly messaging: Messaging;
  /** The topic of the policies' updates. */
  readonly topic: Topic<ColorMessage>;
  readonly logger: Logger;
  readonly metrics: ColorMetrics;
  readonly options: ColorConfig;
  readonly shares: Shares;
  readonly totalUnderWay: () => number;
  readonly self: string;
  /** Whether this controller moves buckets for all controllers. */
  readonly leads: () => boolean;
  /** In ms. */
  readonly now: () => number;
}

/** One policy at work in one pool of invokers. */
interface InUse {
  readonly pool: string;
  readonly policy: ColorPolicy;
  readonly counts: PolicyCounts;
  readonly members: Set<number>;
  readonly healthy: Set<number>;
}

/** The most policies in use over all pools; the oldest one is removed. */
const MAX_IN_USE = 512;

/**
 * The balancer's colors: chooses the policy of an invocation, and informs policies about the invokers, the other
 * controllers (`ColorSharing`) and the time. Each pool of invokers has its own policies, created at the first use. An
 * installation without colors has no policies.
 *
 * The states of an invoker for a policy
 * -------------------------------------
 *
 *              first ping            up                    no ping for 10 s
 *    (absent) ───────────▶ member ──────▶ warming ──▶ warm ────────────────▶ down ── `goneAfterMs` ──▶ (absent)
 *                          (no work)   `moveMs`                               │
 *                                         ▲───────────── pings again ────────┘
 *
 * A member stays the home of its colors while it is down: they use their next choices until it is back. While it warms
 * up, it gets its share step by step (`Warmth`), since its cache is empty.
 */
export class Colors {
  readonly #parts: ColorsParts;
  readonly #inUse = new Map<string, InUse>();
  readonly #room: InvocationRoom;
  readonly #sharing: ColorSharing | undefined;
  readonly #reports = new LoadReports();
  readonly #warmth: Warmth;
  readonly #downSince = new Map<number, number>();
  readonly #gone = new Set<number>();
  readonly #policies: ReadonlyMap<string, PolicyMaker>;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: ColorsParts) {
    const { options, now } = parts;
    this.#parts = parts;
    this.#policies = new Map([...Object.entries(POLICIES), ...Object.entries(options.custom ?? {})]);
    this.#warmth = new Warmth(options.moveMs, now());
    this.#room = new InvocationRoom(parts.shares, this.#warmth, parts.totalUnderWay);
    if (options.shared !== false) {
      this.#sharing = new ColorSharing({
        messaging: parts.messaging,
        topic: parts.topic,
        logger: parts.logger,
        self: parts.self,
        now,
        onUpdate: ({ pool, policy, ...update }, ageMs) => this.#named(pool, policy)?.shared?.adopt(update, ageMs),
        holds: ({ pool, policy, ...update }) => this.#named(pool, policy)?.shared?.holds(update) ?? false,
      });
    }
    parts.metrics.observe(() => this.#counted());
  }

  /** Resolves once all earlier updates are applied, if the default policy shares a table. */
  async start(): Promise<void> {
    const make = this.#policies.get(this.#parts.options.policy);
    if (make && this.#shares(make)) await this.#sharing?.start();
    this.#timer = setInterval(() => this.tick(), 1000);
    this.#timer.unref();
  }

  /**
   * Places a colored invocation: at its color's home, at one of the next choices, or at the invoker that `uncolored`
   * finds. Sets `message.color`.
   * @returns undefined if `uncolored` finds no invoker.
   */
  place(
    pool: Pool,
    message: ActivationMessage,
    color: ColorRequest,
    resources: ResourceRequest,
    uncolored: () => InvokerChoice | undefined,
  ): InvokerChoice | undefined {
    const { metrics, options, logger, shares } = this.#parts;
    const { namespace, limits } = message.user;
    const name = chosenPolicy(color, limits, options.policy, {
      exists: (policy) => this.#policies.has(policy),
      onUnknown: (source) => metrics.unknownPolicy(source),
    });
    const { policy, counts } = this.#use(pool.name, name);
    const key = colorKey(namespace.name, color.value);
    const room = this.#room;
    const patienceMs = this.#patience(color, resources);
    room.begin(key, resources, patienceMs, options.homes, this.#parts.now());
    const choice = room.patient.chosen(policy.assign(key, room));
    counts.assignments++;
    let placed: InvokerChoice | undefined;
    let hit = choice?.rank === 0;
    if (choice) {
      if (hit) counts.hits++;
      else counts.spills++;
      placed = { candidate: shares.known(choice.invoker), overloaded: false };
    } else {
      placed = uncolored();
      const shelter = placed?.overloaded === true ? room.patient.shelter : undefined;
      if (shelter !== undefined) placed = { candidate: shares.known(shelter), overloaded: false };
      if (!placed) return undefined;
      hit = policy.homes(key)[0] === placed.candidate.instance;
      if (shelter !== undefined && hit) counts.hits++;
      else counts.strays++;
    }
    const { instance } = placed.candidate;
    const waitMs = room.expectedWait(instance);
    if (waitMs > 0) metrics.waits(counts, waitMs);
    counts.placed.set(instance, (counts.placed.get(instance) ?? 0) + 1);
    message.color = marked(color, hit, patienceMs);
    if (logger.debugEnabled) {
      const how = hit ? 'its home' : choice ? 'a next choice' : 'like an uncolored one';
      const wait = waitMs > 0 ? `, ${Math.round(waitMs)} ms to wait` : '';
      logger.debug(`color ${color.value} by ${name}: invoker${instance}, ${how}${wait}`, { transid: message.transid });
    }
    return placed;
  }

  /** Sets `message.color` of an invocation whose invoker does not depend on its color. */
  mark(message: ActivationMessage, color: ColorRequest, resources: ResourceRequest): void {
    message.color = marked(color, false, this.#patience(color, resources));
  }

  #patience({ patienceMs = this.#parts.options.patienceMs }: ColorRequest, { durationMs }: ResourceRequest): number {
    return worthwhile(patienceMs, durationMs);
  }

  invokersChanged(invokers: readonly InvokerHealth[]): void {
    const now = this.#parts.now();
    invokers.forEach(({ status, neverSeen }, instance) => {
      if (neverSeen === true) return;
      this.#warmth.seen(instance, now);
      if (status === 'down') {
        if (!this.#downSince.has(instance)) this.#downSince.set(instance, now);
        return;
      }
      if (this.#downSince.delete(instance)) this.#warmth.cameBack(instance, now);
      this.#gone.delete(instance);
    });
    for (const inUse of this.#inUse.values()) this.#update(inUse);
  }

  /** To be called each second. */
  tick(): void {
    if (this.#inUse.size === 0) return;
    const { shares, leads, options } = this.#parts;
    const now = this.#parts.now();
    let changed = false;
    for (const [instance, since] of this.#downSince) {
      if (now - since < options.goneAfterMs || this.#gone.has(instance)) continue;
      this.#gone.add(instance);
      changed = true;
    }
    if (changed) for (const inUse of this.#inUse.values()) this.#update(inUse);
    const warmed = this.#warmth.advance(now);
    if (warmed.length > 0) for (const inUse of this.#inUse.values()) this.#weigh(inUse, warmed);
    const loads = this.#reports.sample(shares.all);
    if (!loads) return;
    const leading = leads();
    for (const { pool, policy, counts } of this.#inUse.values()) {
      for (const [invoker, count] of counts.placed) counts.placed.set(invoker, count * 0.99);
      policy.loadReport?.(loads, leading);
      // Publish the table even if it is unchanged: it corrects controllers that saw the invokers join in another order.
      const summary = leading ? policy.shared?.summary?.() : undefined;
      if (summary) this.#sharing?.tell({ kind: 'update', pool, policy: policy.name, ...summary });
    }
  }

  /** For operators: the policies in use, and the colors of each invoker. */
  view(): PaletteView {
    const { options } = this.#parts;
    return {
      policy: options.policy,
      patienceMs: options.patienceMs,
      homes: options.homes,
      parameters: options.parameters,
      inUse: [...this.#inUse.values()].map(({ pool, policy, counts, healthy }) => ({
        pool,
        policy: policy.name,
        assignments: counts.assignments,
        hits: counts.hits,
        waits: counts.waits,
        spills: counts.spills,
        strays: counts.strays,
        moves: policy.moves,
        invokers: policy.census().map((row) => ({
          ...row,
          up: healthy.has(row.invoker),
          placedLately: Math.round(counts.placed.get(row.invoker) ?? 0),
        })),
      })),
    };
  }

  /** For operators: the home and the next choices of a color, for each policy in use. */
  homes(namespace: string, color: string): { pool: string; policy: string; homes: readonly number[] }[] {
    const key: ColorKey = colorKey(namespace, color);
    return [...this.#inUse.values()].map(({ pool, policy }) => ({
      pool,
      policy: policy.name,
      homes: policy.homes(key),
    }));
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#sharing?.close();
  }

  /** The policy of an update; undefined if this controller does not know it. */
  #named(pool: string, name: string): ColorPolicy | undefined {
    return parsePoolName(pool) && this.#policies.has(name) ? this.#use(pool, name).policy : undefined;
  }

  #shares(make: PolicyMaker): boolean {
    return make({ options: this.#parts.options.parameters, share: () => undefined }).shared !== undefined;
  }

  #use(pool: string, name: string): InUse {
    // Nearly all invocations take this path: avoid building the key each time.
    const key = pool === 'managed' ? name : `${pool}/${name}`;
    let inUse = this.#inUse.get(key);
    if (!inUse) {
      const make = this.#policies.get(name);
      if (!make) throw new RangeError(`unknown color policy ${name}`);
      const policy = make({
        options: this.#parts.options.parameters,
        share: (update) => this.#sharing?.tell({ kind: 'update', pool, policy: name, ...update }),
      });
      inUse = { pool, policy, counts: newCounts(), members: new Set(), healthy: new Set() };
      const [oldest] = this.#inUse.keys();
      if (this.#inUse.size >= MAX_IN_USE && oldest !== undefined) this.#inUse.delete(oldest);
      this.#inUse.set(key, inUse);
      this.#update(inUse);
      if (policy.shared) void this.#sharing?.start();
    }
    return inUse;
  }

  /** Updates a policy with the changed invokers of its pool. */
  #update(inUse: InUse): void {
    const { policy, members, healthy } = inUse;
    const selector = parsePoolName(inUse.pool);
    if (!selector) return;
    const { candidates } = this.#parts.shares.pool(selector);
    const there = candidates.filter(({ seen, instance }) => seen && !this.#gone.has(instance));
    const now = new Set(there.map(({ instance }) => instance));
    const joined = there.filter(({ instance }) => !members.has(instance));
    if (joined.length > 0) {
      this.#weigh(inUse, now);
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

  #weigh({ policy }: InUse, invokers: Iterable<number>): void {
    if (!policy.weigh) return;
    const weights: Weight[] = [];
    for (const invoker of invokers) {
      const memory = this.#parts.shares.candidate(invoker)?.memory ?? 0;
      weights.push({ invoker, weight: Math.max(1, memory), warmth: this.#warmth.ofJoined(invoker) });
    }
    policy.weigh(weights);
  }

  *#counted(): Generator<Counted> {
    for (const { pool, policy, counts, members } of this.#inUse.values()) {
      const placed = Array.from(members, (invoker) => counts.placed.get(invoker) ?? 0);
      yield { pool, policy: policy.name, counts, moves: policy.moves, placed };
    }
  }
}

/** The operator's view of colors. */
export interface PaletteView {
  readonly policy: string;
  readonly patienceMs: number;
  readonly homes: number;
  readonly parameters: PolicyOptions;
  readonly inUse: readonly {
    readonly pool: string;
    readonly policy: string;
    readonly assignments: number;
    readonly hits: number;
    readonly waits: number;
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

function marked({ value }: ColorRequest, hit: boolean, patienceMs: number): MessageColor {
  return patienceMs > 0 ? { value, hit, patience: Math.round(patienceMs) } : { value, hit };
}

const NO_REQUEST: ResourceRequest = { key: '', concurrency: 1, memory: 0 };

/** The room for one invocation. One object serves all invocations, since a policy does not keep it. */
class InvocationRoom implements Room, Waits {
  readonly patient = new PatientRoom(this);
  readonly #shares: Shares;
  readonly #warmth: Warmth;
  readonly #total: () => number;
  #resources = NO_REQUEST;
  #color: ColorKey = 0;
  #now = 0;

  constructor(shares: Shares, warmth: Warmth, total: () => number) {
    this.#shares = shares;
    this.#warmth = warmth;
    this.#total = total;
  }

  begin(color: ColorKey, resources: ResourceRequest, patienceMs: number, homes: number, now: number): void {
    this.#color = color;
    this.#resources = resources;
    this.#now = now;
    this.patient.begin(patienceMs, homes);
  }

  get totalUnderWay(): number {
    return this.#total();
  }

  underWay(invoker: number): number {
    return this.#shares.candidate(invoker)?.capacity.underWay ?? 0;
  }

  accepts(invoker: number, rank: number): boolean {
    return this.patient.accepts(invoker, rank);
  }

  isUp(invoker: number): boolean {
    return this.#shares.candidate(invoker)?.up === true;
  }

  admits(invoker: number): boolean {
    return this.#warmth.admits(invoker, this.#color, this.#now);
  }

  expectedWait(invoker: number): number {
    const { key, concurrency, memory, parts } = this.#resources;
    const capacity = this.#shares.candidate(invoker)?.capacity;
    return capacity?.expectedWait(key, concurrency, memory, this.#now, parts?.get(invoker)) ?? 0;
  }

  load(invoker: number): number {
    const capacity = this.#shares.candidate(invoker)?.capacity;
    return capacity ? capacity.used / Math.max(1, capacity.share) : 0;
  }
}
