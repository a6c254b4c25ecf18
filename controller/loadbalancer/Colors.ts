import { colorKey, type ColorKey } from '../../shared/colors/colorKey.js';
import type { PolicyMaker, PolicyName, Room } from '../../shared/colors/ColorPolicy.js';
import { POLICIES } from '../../shared/colors/policies/policies.js';
import type { ColorConfig } from '../../shared/config/colorSettings.js';
import type { Identity } from '../../shared/entities/identity.js';
import type { Logger } from '../../shared/logging/Logger.js';
import type { ActivationMessage, MessageColor } from '../../shared/messages/activation.js';
import type { ColorMessage } from '../../shared/messages/color.js';
import type { Messaging, Topic } from '../../shared/messaging/Messaging.js';
import type { ColorMetrics, Counted } from './ColorMetrics.js';
import { ColorSharing } from './ColorSharing.js';
import { InvocationRoom } from './InvocationRoom.js';
import type { ColorRequest, InvokerHealth } from './LoadBalancer.js';
import { LoadReports } from './LoadReports.js';
import { paletteView, type PaletteView } from './paletteView.js';
import { worthwhile } from './patience.js';
import { PoliciesInUse } from './PoliciesInUse.js';
import { parsePoolName } from './pools.js';
import { chosenPolicy } from './policyChoice.js';
import { Presence } from './Presence.js';
import { RecentActions } from './RecentActions.js';
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
  /** Asks an invoker to prepare containers: see `ActivationMessage.prepare`. Missing: invokers prepare nothing. */
  readonly prepare?: ((invoker: number, message: ActivationMessage) => void) | undefined;
  /** In ms. */
  readonly now: () => number;
}

/** The homes of a color, in their order, and the policy that chose them. */
export interface ColorOrder {
  readonly policy: string;
  readonly homes: readonly number[];
}

/** The policy of objects whose own policy has no homes. */
const PLAIN_POLICY: PolicyName = 'consistent-hashing';

/** The room of an object's color: any invoker may be its home, however busy it is. */
const NO_LIMITS: Room = { accepts: () => true, underWay: () => 0, totalUnderWay: 0 };

/**
 * The balancer's colors: chooses the policy of an invocation, and informs policies about the invokers, the other
 * controllers (`ColorSharing`) and the time. An installation without colors has no policies in use. See `PoliciesInUse`,
 * and `Presence` for the states of an invoker.
 */
export class Colors {
  readonly #parts: ColorsParts;
  readonly #inUse: PoliciesInUse;
  readonly #room: InvocationRoom;
  readonly #sharing: ColorSharing | undefined;
  readonly #reports = new LoadReports();
  readonly #warmth: Warmth;
  readonly #presence: Presence;
  readonly #recent = new RecentActions();
  readonly #policies: ReadonlyMap<string, PolicyMaker>;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: ColorsParts) {
    const { options, now } = parts;
    this.#parts = parts;
    this.#policies = new Map([...Object.entries(POLICIES), ...Object.entries(options.custom ?? {})]);
    this.#warmth = new Warmth(options.moveMs, now());
    this.#presence = new Presence(this.#warmth, options.goneAfterMs);
    this.#inUse = new PoliciesInUse({
      policies: this.#policies,
      parameters: options.parameters,
      shares: parts.shares,
      presence: this.#presence,
      warmth: this.#warmth,
      share: (pool, policy, update) => this.#sharing?.tell({ kind: 'update', pool, policy, ...update }),
      onShared: () => void this.#sharing?.start(),
    });
    this.#room = new InvocationRoom(parts.shares, this.#warmth, parts.totalUnderWay);
    if (options.shared !== false) {
      this.#sharing = new ColorSharing({
        messaging: parts.messaging,
        topic: parts.topic,
        logger: parts.logger,
        self: parts.self,
        now,
        onUpdate: ({ pool, policy, ...update }, ageMs) => this.#inUse.named(pool, policy)?.shared?.adopt(update, ageMs),
        holds: ({ pool, policy, ...update }) => this.#inUse.named(pool, policy)?.shared?.holds(update) ?? false,
      });
    }
    parts.metrics.observe(() => this.#counted());
  }

  /** Resolves once all earlier updates are applied, if the default policy shares a table. */
  async start(): Promise<void> {
    if (this.#inUse.shares(this.#parts.options.policy)) await this.#sharing?.start();
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
    const { policy, counts } = this.#inUse.use(pool.name, name);
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
    if (this.#parts.prepare && !resources.parts) this.#recent.note(pool.name, message, resources, this.#parts.now());
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

  /**
   * The order of a color's homes, for its objects: the one that invocations of the color use. Counts nothing as an
   * assignment. A policy with a table chooses a home for a new color, as for its first invocation. A policy without
   * homes (`random`) is replaced by consistent hashing, since an object needs a home.
   * @param request the policies that the caller and the action name.
   */
  order(pool: Pool, { namespace, limits }: Pick<Identity, 'namespace' | 'limits'>, request: ColorRequest): ColorOrder {
    const name = chosenPolicy(request, limits, this.#parts.options.policy, {
      exists: (policy) => this.#policies.has(policy),
      onUnknown: (source) => this.#parts.metrics.unknownPolicy(source),
    });
    const key = colorKey(namespace.name, request.value);
    const { policy } = this.#inUse.use(pool.name, name);
    let homes = policy.homes(key);
    if (homes.length === 0 && policy.shared !== undefined) {
      policy.assign(key, NO_LIMITS);
      homes = policy.homes(key);
    }
    if (homes.length > 0 || pool.candidates.length === 0) return { policy: name, homes };
    return { policy: PLAIN_POLICY, homes: this.#inUse.use(pool.name, PLAIN_POLICY).policy.homes(key) };
  }

  /** Sets `message.color` of an invocation whose invoker does not depend on its color. */
  mark(message: ActivationMessage, color: ColorRequest, resources: ResourceRequest): void {
    message.color = marked(color, false, this.#patience(color, resources));
  }

  /** A patience that the request or the action names is taken as it is. */
  #patience({ patienceMs }: ColorRequest, resources: ResourceRequest): number {
    const { options } = this.#parts;
    return patienceMs ?? worthwhile(options.patienceMs, options.patienceLimitMs, resources);
  }

  invokersChanged(invokers: readonly InvokerHealth[]): void {
    const heirs = this.#presence.changed(invokers, this.#parts.now());
    this.#inUse.update();
    for (const heir of heirs) this.#prepare(heir);
  }

  /** To be called each second. */
  tick(): void {
    if (this.#inUse.size === 0) return;
    this.#recent.tick();
    const { shares, leads } = this.#parts;
    const now = this.#parts.now();
    if (this.#presence.expire(now)) this.#inUse.update();
    const warmed = this.#warmth.advance(now);
    if (warmed.length > 0) this.#inUse.weigh(warmed);
    const loads = this.#reports.report(shares.all, now);
    if (!loads) return;
    const leading = leads();
    for (const { pool, policy, counts } of this.#inUse) {
      for (const [invoker, count] of counts.placed) counts.placed.set(invoker, count * 0.99);
      policy.loadReport?.(loads, leading);
      // Publish the table even if it is unchanged: it corrects controllers that saw the invokers join in another order.
      const summary = leading ? policy.shared?.summary?.() : undefined;
      if (summary) this.#sharing?.tell({ kind: 'update', pool, policy: policy.name, ...summary });
    }
  }

  /** For operators. */
  view(): PaletteView {
    return paletteView(this.#parts.options, this.#inUse);
  }

  /** For operators: the home and the next choices of a color, for each policy in use. */
  homes(namespace: string, color: string): { pool: string; policy: string; homes: readonly number[] }[] {
    const key: ColorKey = colorKey(namespace, color);
    return [...this.#inUse].map(({ pool, policy }) => ({
      pool,
      policy: policy.name,
      homes: policy.homes(key),
    }));
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#sharing?.close();
  }

  /** Asks an invoker to prepare containers for the colors that will move there. */
  #prepare(instance: number): void {
    const { shares, prepare } = this.#parts;
    const own = shares.candidate(instance);
    if (!prepare || !own) return;
    const shareOf = (name: string): number => {
      const selector = parsePoolName(name);
      const { candidates } = selector ? shares.pool(selector) : NO_POOL;
      if (!candidates.includes(own)) return 0;
      const total = candidates.reduce((sum, { up, memory }) => sum + (up ? memory : 0), own.up ? 0 : own.memory);
      return own.memory / Math.max(1, total);
    };
    const messages = this.#recent.preparations({ memory: own.memory, shareOf }, shares.clusterSize);
    for (const message of messages) prepare(instance, message);
    if (messages.length > 0) {
      this.#parts.logger.info(`invoker${instance} prepares containers of ${messages.length} actions for moving colors`);
    }
  }

  *#counted(): Generator<Counted> {
    for (const { pool, policy, counts, members } of this.#inUse) {
      const placed = Array.from(members, (invoker) => counts.placed.get(invoker) ?? 0);
      yield { pool, policy: policy.name, counts, moves: policy.moves, placed };
    }
  }
}

const NO_POOL: Pick<Pool, 'candidates'> = { candidates: [] };

function marked({ value }: ColorRequest, hit: boolean, patienceMs: number): MessageColor {
  return patienceMs > 0 ? { value, hit, patience: Math.round(patienceMs) } : { value, hit };
}
