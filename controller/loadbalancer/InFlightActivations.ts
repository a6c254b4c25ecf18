import type { ActivationRecord } from '../../shared/entities/activation.js';
import type { Identity } from '../../shared/entities/identity.js';
import { valueOf } from '../../shared/entities/keyvalue.js';
import { acknowledgedActivation, type Acknowledgement } from '../../shared/messages/acknowledgement.js';
import type { ActivationMessage } from '../../shared/messages/activation.js';
import type { InvokerInstance } from '../../shared/messages/instances.js';
import { HEALTH_TRANSACTION } from './healthTest.js';
import type { Acknowledged, PendingActivation, SchedulableAction } from './LoadBalancer.js';
import type { ResourceRequest } from './schedule.js';
import type { Outcome } from './supervision.js';

/** The wait for an acknowledgement. */
export interface CompletionOptions {
  /** The shortest time limit that counts, in ms: a short limit does not cover the time in queues. */
  readonly stdTimeoutMs: number;
  /** Twice by default: `/init` and `/run` may each take the whole time limit. */
  readonly timeoutFactor: number;
  readonly timeoutAddonMs: number;
}

export const COMPLETION: CompletionOptions = { stdTimeoutMs: 60_000, timeoutFactor: 2, timeoutAddonMs: 60_000 };

/** The wait in ms after which an invocation is given up, from its action's time limit in ms. */
export function completionTimeout(timeLimitMs: number, options: CompletionOptions): number {
  return Math.max(timeLimitMs, options.stdTimeoutMs) * options.timeoutFactor + options.timeoutAddonMs;
}

/** An invocation that was given up, with the data for its record. */
export interface LostActivation {
  readonly activationId: string;
  readonly user: Identity;
  readonly action: SchedulableAction;
  readonly binding?: string | undefined;
  readonly cause?: string | undefined;
  readonly color?: ActivationMessage['color'];
  readonly invoker: InvokerInstance;
  /** The time at which it was sent, in ms since the epoch. */
  readonly sentAt: number;
  readonly transid: ActivationMessage['transid'];
}

/** An invocation in flight. */
interface InFlight {
  readonly lost: LostActivation;
  readonly namespaceUuid: string;
  readonly instance: number;
  readonly resources: ResourceRequest;
  /** Whether its invoker had no room when it was sent. */
  readonly waits: boolean;
  /** How many activations its invoker had completed when it was sent. */
  readonly completedBefore: number;
  /** Whether its duration has been counted. */
  measured: boolean;
  timer: NodeJS.Timeout;
  /** Whether the slot is free (after the completion). */
  released: boolean;
  /** Whether it counts for its namespace: until its caller has the result or its slot is free. */
  counted: boolean;
  /** Resolves the caller's wait; undefined for a non-blocking invocation, and after the result. */
  resolve: ((result: Acknowledged) => void) | undefined;
}

/** The kinds of acknowledgements in the metrics. */
export type AckKind = 'regular' | 'forced' | 'healthcheck' | 'late';

export interface InFlightParts {
  readonly options: CompletionOptions;
  /** Releases the slot on an invoker. */
  readonly release: (instance: number, resources: ResourceRequest) => void;
  /** Called with each outcome, for the invoker's health. */
  readonly finished: (invoker: InvokerInstance, outcome: Outcome) => void;
  /**
   * Called with the duration of an invocation in ms, without its time in queues.
   * @param met see `ActionDurations.note`.
   */
  readonly onDuration?: ((action: string, durationMs: number, met: boolean | undefined) => void) | undefined;
  /** In ms. */
  readonly now?: (() => number) | undefined;
  readonly onLost: (lost: LostActivation) => void;
  readonly onAck: (kind: AckKind) => void;
  /**
   * Whether the bus delivers messages. While it does not, no invocation is given up: those that wait in the bus will
   * still run.
   */
  readonly busAnswers: () => boolean;
}

/** The extension of a timeout during an outage of the bus, and for the acknowledgements after it, in ms. */
const PATIENCE_MS = 10_000;

/**
 * The activations in flight of this controller
 * ============================================
 *
 *              add              completion                    result (blocking)
 *    (new) ───────────▶ running ───────────▶ result missing ────────────────────▶ (end)
 *                        │   │ result         (non-blocking: ends at once)           ▲ ▲
 *                        │   └──────────────▶ slot in use ───────────────────────────┘ │
 *                        │                                    completion               │
 *                        └── undo; or the time is over: the caller gets `lost` ────────┘
 *
 * A running activation counts for its namespace and holds a slot of its invoker. The result ends the caller's wait and
 * the namespace's count; the completion frees the slot. They arrive in either order or in one message. Each state also
 * ends with the timeout (`completionTimeout`), which is extended while the bus does not answer.
 *
 * An acknowledgement of an activation that is not in flight belongs to a health test or is late: the activation timed
 * out, or an earlier process with this controller's id sent it.
 */
export class InFlightActivations {
  readonly #parts: InFlightParts;
  readonly #activations = new Map<string, InFlight>();
  readonly #namespaces = new Map<string, number>();
  /** How many activations each invoker has completed. */
  readonly #completed = new Map<number, number>();
  #total = 0;

  constructor(parts: InFlightParts) {
    this.#parts = parts;
  }

  /** The number of invocations with a slot in use. */
  get total(): number {
    return this.#total;
  }

  /** The invocations with a slot in use: activation id and action. */
  list(): [activationId: string, action: string][] {
    const inUse = [...this.#activations].filter(([, entry]) => !entry.released);
    return inUse.map(([activationId, entry]) => [activationId, entry.resources.key]);
  }

  /** The number of a namespace's invocations in flight, without those whose callers have the result. */
  ofNamespace(uuid: string): number {
    return this.#namespaces.get(uuid) ?? 0;
  }

  /**
   * @param now ms since the epoch.
   * @param waits whether the invoker has no room.
   */
  add(
    message: ActivationMessage,
    action: SchedulableAction,
    resources: ResourceRequest,
    invoker: InvokerInstance,
    now: number,
    waits = false,
  ): PendingActivation {
    const { activationId, user } = message;
    const timer = this.#giveUpAfter(activationId, completionTimeout(action.timeout, this.#parts.options));
    const lost: LostActivation = {
      activationId,
      user,
      action,
      binding: message.action.binding,
      cause: message.cause,
      color: message.color,
      invoker,
      sentAt: now,
      transid: message.transid,
    };
    const entry: InFlight = {
      lost,
      namespaceUuid: user.namespace.uuid,
      instance: invoker.instance,
      resources,
      waits,
      completedBefore: this.#completedBy(invoker),
      measured: false,
      timer,
      released: false,
      counted: true,
      resolve: undefined,
    };
    const result = message.blocking
      ? new Promise<Acknowledged>((resolve) => (entry.resolve = resolve))
      : Promise.resolve<Acknowledged>({ kind: 'stored', activationId });
    this.#activations.set(activationId, entry);
    this.#total++;
    this.#namespaces.set(entry.namespaceUuid, this.ofNamespace(entry.namespaceUuid) + 1);
    return { activationId, invoker, result };
  }

  /** Undoes `add` if the message did not reach the bus. */
  undo(activationId: string): void {
    const entry = this.#activations.get(activationId);
    if (!entry) return;
    this.#end(activationId, entry);
    this.#release(entry);
  }

  acknowledge(ack: Acknowledgement): void {
    const activationId = acknowledgedActivation(ack);
    const entry = this.#activations.get(activationId);
    if (entry) this.#measure(entry, ack);
    if (ack.kind !== 'completion' && entry?.resolve) {
      entry.resolve(
        typeof ack.response === 'string' ? { kind: 'stored', activationId } : { kind: 'record', record: ack.response },
      );
      entry.resolve = undefined;
      this.#discount(entry);
    }
    if (ack.kind !== 'result') {
      this.#completed.set(ack.instance.instance, this.#completedBy(ack.instance) + 1);
      const outcome = ack.isSystemError === true ? 'systemError' : 'success';
      if (entry && !entry.released) {
        this.#release(entry);
        this.#parts.onAck('regular');
        this.#parts.finished(ack.instance, outcome);
      } else if (!entry && ack.transid.id === HEALTH_TRANSACTION) {
        this.#parts.onAck('healthcheck');
        this.#parts.finished(ack.instance, outcome);
      } else if (!entry) {
        this.#parts.onAck('late');
      }
    }
    if (entry?.released && !entry.resolve) this.#end(activationId, entry);
  }

  /** Ends every wait with `lost`. Writes no records, since the invokers continue. */
  close(): void {
    for (const [activationId, entry] of this.#activations) {
      this.#end(activationId, entry);
      entry.resolve?.({ kind: 'lost', activationId });
    }
    this.#namespaces.clear();
    this.#total = 0;
  }

  /**
   * Measures the duration by the record. Without a record it uses the clock, if the invocation did not wait for room.
   * The record says whether the invocation met its color. Without a record, one at its color's home counts as such.
   */
  #measure(entry: InFlight, ack: Acknowledgement): void {
    const { onDuration, now } = this.#parts;
    if (!onDuration || entry.measured) return;
    const { color, sentAt } = entry.lost;
    let durationMs: number | undefined;
    let met: boolean | undefined;
    if (ack.kind !== 'completion' && typeof ack.response !== 'string') {
      durationMs = ack.response.duration;
      met = color && metColor(ack.response);
    } else if (ack.kind === 'completion' && !entry.waits && now) {
      durationMs = now() - sentAt;
      met = color?.hit;
    }
    if (durationMs === undefined) return;
    entry.measured = true;
    onDuration(entry.resources.key, durationMs, met);
  }

  #giveUp(activationId: string): void {
    const entry = this.#activations.get(activationId);
    if (!entry) return;
    if (!this.#parts.busAnswers()) {
      entry.timer = this.#giveUpAfter(activationId, PATIENCE_MS);
      return;
    }
    this.#end(activationId, entry);
    entry.resolve?.({ kind: 'lost', activationId });
    // A free slot means that the invoker has ended the invocation and writes the record: only the result was lost.
    if (entry.released) return;
    this.#release(entry);
    this.#parts.onAck('forced');
    // An invoker that has completed others since then is there: this one waited for longer than it may, behind others.
    const { invoker } = entry.lost;
    if (this.#completedBy(invoker) === entry.completedBefore) this.#parts.finished(invoker, 'timeout');
    this.#parts.onLost(entry.lost);
  }

  #completedBy({ instance }: InvokerInstance): number {
    return this.#completed.get(instance) ?? 0;
  }

  #giveUpAfter(activationId: string, ms: number): NodeJS.Timeout {
    const timer = setTimeout(() => this.#giveUp(activationId), ms);
    timer.unref();
    return timer;
  }

  #end(activationId: string, entry: InFlight): void {
    clearTimeout(entry.timer);
    this.#activations.delete(activationId);
  }

  #release(entry: InFlight): void {
    if (entry.released) return;
    entry.released = true;
    this.#total--;
    this.#discount(entry);
    this.#parts.release(entry.instance, entry.resources);
  }

  #discount(entry: InFlight): void {
    if (!entry.counted) return;
    entry.counted = false;
    const count = this.ofNamespace(entry.namespaceUuid) - 1;
    if (count > 0) this.#namespaces.set(entry.namespaceUuid, count);
    else this.#namespaces.delete(entry.namespaceUuid);
  }
}

/** Whether the invocation met its color. Undefined: it started a container, which says nothing of what a miss costs. */
function metColor({ annotations }: Pick<ActivationRecord, 'annotations'>): boolean | undefined {
  if (valueOf(annotations, 'initTime') !== undefined) return undefined;
  return valueOf(annotations, 'colorHit') === true;
}
