import type { ColorConfig } from '../../shared/config/colorSettings.js';
import type { ControllerConfig } from '../../shared/config/controllerConfig.js';
import type { Limits } from '../../shared/config/limits.js';
import { POLICY_OPTIONS } from '../../shared/colors/ColorPolicy.js';
import type { Identity } from '../../shared/entities/identity.js';
import { documentId } from '../../shared/entities/names.js';
import type { Logger } from '../../shared/logging/Logger.js';
import type { ActivationMessage } from '../../shared/messages/activation.js';
import type { ControllerInstance } from '../../shared/messages/instances.js';
import type { BusState, Consumer, Messaging, Producer } from '../../shared/messaging/Messaging.js';
import type { Topics } from '../../shared/messaging/topics.js';
import { LOST_AFTER_MS, type InvokersReply } from '../../shared/objects/invokersReply.js';
import { InFlightActivations, COMPLETION, type CompletionOptions, type LostActivation } from './InFlightActivations.js';
import { CLUSTER, ClusterMembership, type ClusterOptions } from './ClusterMembership.js';
import { ActionDurations } from './ActionDurations.js';
import { Colors } from './Colors.js';
import { healthTests } from './healthTest.js';
import {
  NoInvokersError,
  type ColorRequest,
  type InvokerHealth,
  type LoadBalancer,
  type PendingActivation,
  type SchedulableAction,
  type UnmetRequirements,
} from './LoadBalancer.js';
import type { BalancerMetrics } from './BalancerMetrics.js';
import { chooseShare, coversAll, divideInstances, poolOrder } from './instances.js';
import { objectHomes, objectInvokers, type ObjectHomes } from './objectHomes.js';
import { generateHash, schedule, type ResourceRequest, type InvokerChoice } from './schedule.js';
import { Shares, type Pool, type ShareOptions } from './Shares.js';
import { SUPERVISION, type SupervisionOptions } from './supervision.js';
import { Supervisor } from './Supervisor.js';
import { at } from '../../shared/collections/at.js';

export interface BalancerOptions {
  readonly shares: ShareOptions;
  readonly completion: CompletionOptions;
  readonly supervision: SupervisionOptions;
  readonly cluster: ClusterOptions;
  readonly colors: ColorConfig;
  /** The URL of this controller for invokers that share objects. Missing: messages name no homes of objects. */
  readonly objectsUrl?: string | undefined;
  /** The longest wait at the start for the invokers' pings, in ms; 0: do not wait. */
  readonly settleMs: number;
}

export const BALANCER: BalancerOptions = {
  shares: { managedFraction: 0.9, blackboxFraction: 0.1, minMemory: 128 },
  completion: COMPLETION,
  supervision: SUPERVISION,
  cluster: CLUSTER,
  colors: {
    policy: 'consistent-hashing',
    parameters: POLICY_OPTIONS,
    patienceMs: 100,
    patienceLimitMs: 1000,
    homes: 3,
    moveMs: 10_000,
    goneAfterMs: 600_000,
  },
  settleMs: 0,
};

/** A little longer than the interval of pings, which is a second. */
const PING_PERIOD_MS = 1200;

/** The balancer's options for a controller process, from its configuration. */
export function balancerOptions(config: ControllerConfig['loadBalancer'], limits: Limits): BalancerOptions {
  const { managedFraction, blackboxFraction, timeoutFactor, timeoutAddonMs, offlineAfterMs, colors } = config;
  return {
    shares: { managedFraction, blackboxFraction, minMemory: limits.memory.min },
    completion: { stdTimeoutMs: limits.timeout.std, timeoutFactor, timeoutAddonMs },
    supervision: { ...SUPERVISION, offlineAfterMs },
    cluster: CLUSTER,
    colors,
    settleMs: 5000,
  };
}

export interface BalancerParts {
  readonly messaging: Messaging;
  readonly topics: Topics;
  readonly logger: Logger;
  readonly metrics: BalancerMetrics;
  readonly controller: ControllerInstance;
  readonly options: BalancerOptions;
  /** Called when an invocation is given up without an acknowledgement. See `lostActivations.ts`. */
  readonly onLost: (lost: LostActivation) => void;
  /** Called when the controllers change: see `ClusterParts.onChange`. */
  readonly onControllers?: ((controllers: readonly string[], silent: readonly string[]) => void) | undefined;
  readonly now?: (() => number) | undefined;
  /** From 0 up to 1. */
  readonly random?: (() => number) | undefined;
}

/**
 * OpenWhisk's sharding balancer, with colors. See `schedule.ts` (placement), `supervision.ts` (health),
 * `InFlightActivations.ts` (invocations in flight), `Colors.ts` (colors) and `cluster.ts` (other controllers).
 */
export class ShardingBalancer implements LoadBalancer {
  readonly #parts: BalancerParts;
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #shares: Shares;
  readonly #supervisor: Supervisor;
  readonly #inFlight: InFlightActivations;
  readonly #colors: Colors;
  readonly #durations = new ActionDurations();
  /** The keys of actions. */
  readonly #keys = new WeakMap<SchedulableAction, string>();
  readonly #producer: Producer;
  #closed: Promise<void> | undefined;
  #disabled = false;
  #cluster: ClusterMembership | undefined;
  #acknowledgements: Consumer | undefined;

  private constructor(parts: BalancerParts, producer: Producer) {
    const { logger, options, metrics, controller } = parts;
    this.#parts = parts;
    this.#producer = producer;
    this.#now = parts.now ?? Date.now;
    this.#random = parts.random ?? Math.random;
    this.#shares = new Shares(options.shares);
    const test = healthTests(controller, this.#now());
    this.#supervisor = new Supervisor({
      messaging: parts.messaging,
      topics: parts.topics,
      logger,
      controllerId: controller.asString,
      options: options.supervision,
      now: this.#now,
      sendTest: (invoker) => this.#sendTest(invoker, test()),
      onChange: (invokers) => {
        this.#shares.updateInvokers(invokers);
        this.#colors.invokersChanged(invokers);
      },
    });
    this.#inFlight = new InFlightActivations({
      options: options.completion,
      release: (instance, { key, concurrency, memory, durationMs, parts: limits }) =>
        this.#shares
          .candidate(instance)
          ?.capacity.release(key, concurrency, memory, durationMs, this.#now(), limits?.get(instance)),
      onDuration: (action, durationMs, met) => this.#durations.note(action, durationMs, met),
      now: this.#now,
      finished: (invoker, outcome) => this.#supervisor.finished(invoker, outcome),
      busAnswers: () => steady(parts.messaging.health(), this.#now()),
      onLost: (lost) => {
        logger.warn(
          `gave up activation ${lost.activationId} on invoker${lost.invoker.instance}: no completion in time`,
          {
            transid: lost.transid,
          },
        );
        parts.onLost(lost);
      },
      onAck: (kind) => metrics.acknowledged(kind),
    });
    this.#colors = new Colors({
      messaging: parts.messaging,
      topic: parts.topics.colors,
      logger,
      metrics: metrics.colors,
      options: options.colors,
      shares: this.#shares,
      totalUnderWay: () => this.#inFlight.total,
      self: controller.asString,
      leads: () => this.#cluster?.isLeader ?? true,
      prepare: (invoker, message) => this.#sendPreparation(invoker, message),
      now: this.#now,
    });
    metrics.observe({
      inFlight: () => this.#inFlight.total,
      invokers: () => this.#supervisor.invokers,
      clusterSize: () => this.#shares.clusterSize,
    });
  }

  /**
   * Resolves once it consumes acknowledgements and pings, and has waited up to `settleMs` for the invokers. The health
   * test action must be in the store before the call.
   */
  static async start(parts: BalancerParts): Promise<ShardingBalancer> {
    const { messaging, topics, controller, options, logger } = parts;
    const completed = topics.completed(controller.asString);
    await messaging.ensureTopic(completed);
    const balancer = new ShardingBalancer(parts, await messaging.producer());
    balancer.#acknowledgements = await messaging.consume({
      topic: completed,
      group: completed.name,
      maxInFlight: 128,
      handle: (ack) => balancer.#inFlight.acknowledge(ack),
    });
    await balancer.#colors.start();
    balancer.#cluster = await ClusterMembership.start({
      messaging,
      topic: topics.controllers,
      logger,
      self: controller.asString,
      options: options.cluster,
      onChange: (controllers, silent) => {
        balancer.#shares.updateCluster(controllers.length);
        parts.onControllers?.(controllers, silent);
      },
    });
    await balancer.#supervisor.start();
    if (options.settleMs > 0) await balancer.whenSettled(options.settleMs);
    return balancer;
  }

  async publish(
    action: SchedulableAction,
    message: ActivationMessage,
    color?: ColorRequest,
  ): Promise<PendingActivation> {
    const key = this.#keyOf(action);
    const requested: ResourceRequest = {
      key,
      concurrency: action.concurrency,
      memory: action.memory,
      durationMs: this.#durations.of(key),
      missCostMs: color === undefined ? undefined : this.#durations.missCostOf(key),
    };
    const pool = this.#shares.pool({
      kind: action.blackbox ? 'blackbox' : 'managed',
      tags: action.tags,
      strict: action.tagsStrict,
      namespace: message.user.namespace.name,
    });
    const serves = !this.#closed && !this.#disabled;
    const placement = serves ? this.#place(pool, action, message, requested, color) : undefined;
    if (!placement) {
      const error = new NoInvokersError(serves ? this.#unmet(pool, action, message) : {});
      this.#parts.logger.error(`${key} was refused: ${error.message}`, { transid: message.transid });
      throw error;
    }
    const { candidate, overloaded, resources = requested } = placement;
    if (overloaded) {
      this.#parts.metrics.overloaded(action.blackbox);
      if (this.#parts.logger.debugEnabled) {
        this.#parts.logger.debug(`no invoker has room: the invocation waits on invoker${candidate.instance}`, {
          transid: message.transid,
        });
      }
    }
    this.#nameHomes(message, color);
    const invoker = at(this.#supervisor.invokers, candidate.instance).instance;
    const now = this.#now();
    const { concurrency, memory, durationMs } = resources;
    const limit = resources.parts?.get(candidate.instance);
    const waits = !candidate.capacity.fits(key, concurrency, memory, limit);
    candidate.capacity.take(key, concurrency, memory, durationMs, now, limit);
    const pending = this.#inFlight.add(message, action, resources, invoker, now, waits);
    const topic = this.#parts.topics.invoker(candidate.instance);
    try {
      // The caller gets its response within half a minute from its request, also if the request was late here.
      const usedMs = now - message.transid.start;
      await this.#producer.send(topic, message, { volatile: message.blocking, usedMs });
    } catch (error) {
      this.#inFlight.undo(message.activationId);
      throw error;
    }
    const producer = this.#producer;
    if (!message.blocking || !producer.keep) return pending;
    const { activationId, result } = pending;
    return { activationId, invoker, result, keep: async () => producer.keep?.(topic, message) };
  }

  /**
   * Resolves once every invoker had the time to ping and to answer its first test, or after `limitMs`; earlier if no
   * invoker pings. A controller that took requests earlier would know only some of the invokers and place colors on
   * wrong ones.
   *
   * @param pingPeriodMs the longest time between two pings of a live invoker
   */
  async whenSettled(limitMs: number, pingPeriodMs = PING_PERIOD_MS): Promise<void> {
    const begun = performance.now();
    const waited = (): number => performance.now() - begun;
    while (waited() < limitMs) {
      const none = this.#supervisor.invokers.length === 0;
      if (waited() > (none ? 2 : 1) * pingPeriodMs && !this.#supervisor.anyUntested) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  activeActivationsFor(namespaceUuid: string): number {
    return this.#inFlight.ofNamespace(namespaceUuid);
  }

  totalActiveActivations(): number {
    return this.#inFlight.total;
  }

  activeActivations(): readonly (readonly [activationId: string, action: string])[] {
    return this.#inFlight.list();
  }

  invokers(): readonly InvokerHealth[] {
    const { invokers } = this.#supervisor;
    // A controller that is out of service uses no invokers.
    return this.#closed || this.#disabled ? invokers.map(({ instance }) => ({ instance, status: 'down' })) : invokers;
  }

  /** Why no invoker can run actions of a kind; undefined if an invoker can, or if it is unknown. */
  unavailable(kind: string): string | undefined {
    return this.#supervisor.unavailable(kind);
  }

  /** The homes of a color's objects. They are in the pool of actions without tags. */
  objectHomes(user: Pick<Identity, 'namespace' | 'limits'>, color: ColorRequest): ObjectHomes {
    const pool = this.#shares.pool({ kind: 'managed', namespace: user.namespace.name });
    return objectHomes(this.#colors.order(pool, user, color), this.#supervisor.invokers);
  }

  /**
   * All invokers that share objects. One that this controller has not heard of since its start may be cut off, and have copies of objects:
   * it counts as lost after the same time as others.
   * @returns undefined: this controller does not know all of them.
   */
  objectInvokers(): InvokersReply | undefined {
    // Invokers of the same process end with it.
    const { trustNew } = this.#parts.options.supervision;
    if (!trustNew && this.#supervisor.hearsForMs < LOST_AFTER_MS) return undefined;
    return objectInvokers(this.#supervisor.supervised, this.#now());
  }

  /** For the operator's view of colors. */
  get colors(): Pick<Colors, 'view' | 'homes'> {
    return this.#colors;
  }

  get clusterSize(): number {
    return this.#shares.clusterSize;
  }

  async setInService(on: boolean): Promise<void> {
    if (this.#disabled === !on || this.#closed) return;
    this.#disabled = !on;
    if (on) this.#cluster?.rejoin();
    else await this.#cluster?.leave();
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    await this.#cluster?.close();
    await Promise.all([this.#supervisor.close(), this.#acknowledgements?.close(), this.#colors.close()]);
    this.#inFlight.close();
    await this.#producer.close();
  }

  /** Callers describe an action by the same object again and again. Tables find a text faster that they have seen before. */
  #keyOf(action: SchedulableAction): string {
    let key = this.#keys.get(action);
    if (key === undefined) this.#keys.set(action, (key = `${documentId(action.name)}@${action.name.version ?? ''}`));
    return key;
  }

  /** The requirements that exclude all invokers. */
  #unmet(
    { candidates }: Pool,
    { tags, tagsStrict }: SchedulableAction,
    { user }: ActivationMessage,
  ): UnmetRequirements {
    if (tags !== undefined && tagsStrict !== false) return { tags };
    // Without required tags, only dedicated invokers are excluded.
    const dedicated = candidates.length === 0 && this.#supervisor.invokers.length > 0;
    return dedicated ? { namespace: user.namespace.name } : {};
  }

  #place(
    pool: Pool,
    action: SchedulableAction,
    message: ActivationMessage,
    resources: ResourceRequest,
    color: ColorRequest | undefined,
  ): InvokerChoice | undefined {
    const uncolored = (): InvokerChoice | undefined => {
      const hash = generateHash(message.user.namespace.name, documentId(action.name));
      const own = schedule(pool.candidates, pool.stepSizes, hash, resources, this.#random);
      if (!pool.fallback || own?.overloaded === false) return own;
      const other = schedule(pool.fallback.candidates, pool.fallback.stepSizes, hash, resources, this.#random);
      return own && other?.overloaded !== false ? own : other;
    };
    if (action.instances !== undefined) {
      return this.#placeLimited(pool, action, action.instances, message, resources, color, uncolored);
    }
    return color === undefined ? uncolored() : this.#colors.place(pool, message, color, resources, uncolored);
  }

  /**
   * Places an invocation of an action with a limit on its containers, and tells the invoker its part of the limit.
   * @param unlimited finds an invoker as if there were no limit.
   */
  #placeLimited(
    pool: Pool,
    action: SchedulableAction,
    instances: number,
    message: ActivationMessage,
    requested: ResourceRequest,
    color: ColorRequest | undefined,
    unlimited: () => InvokerChoice | undefined,
  ): InvokerChoice | undefined {
    const hash = generateHash(message.user.namespace.name, documentId(action.name));
    const shares = divideInstances(poolOrder(pool, hash), instances, action.memory);
    const parts = new Map(shares.map((share) => [share.candidate.instance, share.instances]));
    const resources = { ...requested, parts };
    // Without a share, no invoker that is up is large enough for one container: the invoker says so.
    const uncolored = (): InvokerChoice | undefined => chooseShare(shares, resources) ?? unlimited();
    let placed: InvokerChoice | undefined;
    if (color !== undefined && coversAll(shares, pool.candidates, action.memory)) {
      placed = this.#colors.place(pool, message, color, resources, uncolored);
    } else {
      placed = uncolored();
      if (color !== undefined) this.#colors.mark(message, color, resources);
    }
    if (!placed) return undefined;
    message.instances = parts.get(placed.candidate.instance) ?? instances;
    return { ...placed, resources };
  }

  /** Tells the invoker where the objects of the invocation's color are. */
  #nameHomes(message: ActivationMessage, color: ColorRequest | undefined): void {
    const { objectsUrl } = this.#parts.options;
    if (objectsUrl === undefined) return;
    const homes = color && this.objectHomes(message.user, color).homes;
    message.objects = homes === undefined ? { controller: objectsUrl } : { controller: objectsUrl, homes };
  }

  #sendPreparation(invoker: number, message: ActivationMessage): void {
    this.#producer.send(this.#parts.topics.invoker(invoker), message, { volatile: true }).catch((error: unknown) => {
      this.#parts.logger.warn(`could not ask invoker${invoker} to prepare containers`, { error });
    });
  }

  #sendTest(invoker: number, message: ActivationMessage): void {
    // A new invoker learns the address of this controller.
    this.#nameHomes(message, undefined);
    this.#producer.send(this.#parts.topics.invoker(invoker), message, { volatile: true }).catch((error: unknown) => {
      this.#parts.logger.warn(`could not send a health test to invoker${invoker}`, { error });
    });
  }
}

/** Whether the bus has answered for so long that delayed acknowledgements have arrived. */
const steady = ({ up, since }: BusState, now: number): boolean => up && now - since >= SETTLED_MS;

const SETTLED_MS = 10_000;
