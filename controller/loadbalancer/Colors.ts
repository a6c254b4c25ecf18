import type { ColorConfig } from '../../shared/config/colorSettings.js';
import type { Logger } from '../../shared/logging/Logger.js';
import type { ActivationMessage } from '../../shared/messages/activation.js';
import type { Messaging, Topic } from '../../shared/messaging/Messaging.js';
import { AssignmentSharing } from './AssignmentSharing.js';
import type { Assignment, PoolName } from '../../shared/messages/assignment.js';
import type { ColorMetrics } from './ColorMetrics.js';
import type { ColorRequest, InvokerHealth } from './LoadBalancer.js';
import { LoadReports } from './LoadReports.js';
import { needsSharing, Palette } from './Palette.js';
import type { ResourceRequest, InvokerChoice } from './schedule.js';
import type { Shares } from './Shares.js';

export interface ColorsParts {
  readonly messaging: Messaging;
  /** Before the name of the topic of assignments. */
  readonly topic: Topic<Assignment>;
  readonly logger: Logger;
  readonly metrics: ColorMetrics;
  readonly options: ColorConfig;
  readonly shares: Shares;
  readonly totalUnderWay: () => number;
  readonly self: string;
  /** Whether this controller moves buckets for all. */
  readonly leads: () => boolean;
  readonly now: () => number;
}

/** The palette with what surrounds it: the other controllers, the load, and time. */
export class Colors {
  readonly palette: Palette;
  readonly #parts: ColorsParts;
  readonly #reports = new LoadReports();
  readonly #downSince = new Map<number, number>();
  readonly #gone = new Set<number>();
  #sharing: Promise<AssignmentSharing | undefined> | undefined;
  #told: AssignmentSharing | undefined;
  /** Homes given while the topic is still being read; undefined where it cannot be. */
  #untold: Assignment[] | undefined = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: ColorsParts) {
    this.#parts = parts;
    this.palette = new Palette({
      options: parts.options,
      shares: parts.shares,
      metrics: parts.metrics,
      totalUnderWay: parts.totalUnderWay,
      isGone: (instance) => this.#gone.has(instance),
      tell: (assignment) => this.#tell(assignment),
      onShared: () => void this.#share(),
    });
  }

  /** With a policy that is shared by default, resolves once what was assigned before is known here. */
  async start(): Promise<void> {
    if (needsSharing(this.#parts.options.policy)) await this.#share();
    this.#timer = setInterval(() => this.tick(), 1000);
    this.#timer.unref();
  }

  /**
   * Finds the place of a colored invocation: its color's home or one of the next choices, else where `uncolored` puts it.
   * Sets `message.color`.
   * @returns undefined where `uncolored` finds none.
   */
  place(
    pool: PoolName,
    message: ActivationMessage,
    color: ColorRequest,
    resources: ResourceRequest,
    uncolored: () => InvokerChoice | undefined,
  ): InvokerChoice | undefined {
    const { namespace, limits } = message.user;
    const { palette } = this;
    const policy = palette.policyFor(color.policy, limits.colorPolicy);
    const colored = palette.place(pool, policy, namespace.name, color.value, resources);
    const placement = colored ? { candidate: colored.candidate, overloaded: false } : uncolored();
    if (!placement) return undefined;
    const { instance } = placement.candidate;
    const hit = colored?.hit ?? palette.isHome(pool, policy, namespace.name, color.value, instance);
    message.color = { value: color.value, hit };
    const { logger } = this.#parts;
    if (logger.debugEnabled) {
      const how = hit ? 'its home' : colored ? 'a next choice' : 'as if it had none';
      logger.debug(`color ${color.value} by ${policy}: invoker${instance}, ${how}`, { transid: message.transid });
    }
    return placement;
  }

  invokersChanged(invokers: readonly InvokerHealth[]): void {
    const now = this.#parts.now();
    invokers.forEach(({ status }, instance) => {
      if (status === 'down') {
        if (!this.#downSince.has(instance)) this.#downSince.set(instance, now);
      } else {
        this.#downSince.delete(instance);
        this.#gone.delete(instance);
      }
    });
    this.palette.updateInvokers();
  }

  /** Called each second. */
  tick(): void {
    if (!this.palette.isUsed) return;
    const now = this.#parts.now();
    let changed = false;
    for (const [instance, since] of this.#downSince) {
      if (now - since < this.#parts.options.goneAfterMs || this.#gone.has(instance)) continue;
      this.#gone.add(instance);
      changed = true;
    }
    if (changed) this.palette.updateInvokers();
    const loads = this.#reports.sample(this.#parts.shares.all);
    if (loads) this.palette.report(loads, this.#parts.leads());
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await (await this.#sharing)?.close();
  }

  #tell(assignment: Assignment): void {
    if (this.#told) this.#told.tell(assignment);
    else this.#untold?.push(assignment);
  }

  #share(): Promise<AssignmentSharing | undefined> {
    this.#sharing ??= this.#startSharing().catch((error: unknown) => {
      this.#parts.logger.error('color assignments are not shared with the other controllers', { error });
      this.#untold = undefined;
      return undefined;
    });
    return this.#sharing;
  }

  async #startSharing(): Promise<AssignmentSharing> {
    const { messaging, topic, logger, self } = this.#parts;
    const sharing = await AssignmentSharing.start({
      messaging,
      topic,
      logger,
      self,
      onAssignment: (assignment: Assignment) => this.palette.adopt(assignment),
    });
    this.#told = sharing;
    // A home that was given in ignorance of one that there was already has given way to it, and is nobody's business.
    for (const assignment of this.#untold ?? []) if (this.palette.holds(assignment)) sharing.tell(assignment);
    this.#untold = undefined;
    return sharing;
  }
}
