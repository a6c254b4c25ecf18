import type { ActivationRecord } from '../../shared/entities/activation.js';
import type { FullyQualifiedName } from '../../shared/entities/names.js';
import type { ActivationMessage } from '../../shared/messages/activation.js';
import type { InvokerInstance } from '../../shared/messages/instances.js';

/** The properties of an action that the balancer needs to place an invocation. */
export interface SchedulableAction {
  /** The action's own name (not a binding's), with its version. */
  readonly name: FullyQualifiedName;
  readonly kind: string;
  /** MB, the action's own limit. */
  readonly memory: number;
  /** MB, for the record of a lost invocation. */
  readonly logs: number;
  /** The limit on concurrent invocations in one container. */
  readonly concurrency: number;
  /** The limit `instances`: the most containers that the action has at once. Missing: no limit. */
  readonly instances?: number | undefined;
  /** The action's time limit in ms. */
  readonly timeout: number;
  /**
   * Whether it runs a user's own image, which must be pulled. Such actions run on the blackbox share of the invokers.
   */
  readonly blackbox: boolean;
  /** The annotation `invoker-resources`: tags that the invoker must have. Missing: none. */
  readonly tags?: readonly string[] | undefined;
  /** The annotation `invoker-resources-strict-policy`: whether the tags are mandatory. Missing: yes. */
  readonly tagsStrict?: boolean | undefined;
}

/** The requested color of an invocation. */
export interface ColorRequest {
  /** The caller's value. The balancer scopes it by the caller's namespace (`message.user.namespace`). */
  readonly value: string;
  /** The caller's policy (header `X-OpenWhisk-Color-Policy`). An unknown one is ignored and counted. */
  readonly callerPolicy?: string | undefined;
  /** The action's annotation `color-policy`. An unknown one is ignored and counted. */
  readonly policy?: string | undefined;
  /** The longest acceptable wait at its home, in ms. Missing: the installation's default. */
  readonly patienceMs?: number | undefined;
}

/**
 * The outcome of an invocation. `record`: its record. `stored`: it finished, but its record was too large for the bus
 * and must be read from the store. `lost`: no acknowledgement arrived in time; the store may still get a record.
 */
export type Acknowledged =
  | { readonly kind: 'record'; readonly record: ActivationRecord }
  | { readonly kind: 'stored'; readonly activationId: string }
  | { readonly kind: 'lost'; readonly activationId: string };

/** An invocation whose message is on the bus. */
export interface PendingActivation {
  readonly activationId: string;
  readonly invoker: InvokerInstance;
  /**
   * Never rejects. For a blocking message it resolves at the result (before the logs are collected), or to `lost` after
   * the completion timeout. For a non-blocking message it resolves at once, to `stored`.
   */
  readonly result: Promise<Acknowledged>;
  /**
   * For a blocking message: makes it durable beyond this process. To be awaited before the caller gets the id instead
   * of the result. Missing: the message is durable already. @throws BusUnavailableError
   */
  readonly keep?: (() => Promise<void>) | undefined;
}

/** An invoker's state, as in `GET /invokers`. Only an invoker that is `up` gets users' invocations. */
export type InvokerStatus = 'up' | 'unhealthy' | 'unresponsive' | 'down';

export interface InvokerHealth {
  readonly instance: InvokerInstance;
  readonly status: InvokerStatus;
  /** Whether it never sent a ping and only fills a gap in the numbers. */
  readonly neverSeen?: true | undefined;
  /** The URL of its object memory; missing: it shares no objects. */
  readonly objectsUrl?: string | undefined;
  /** Whether it prepares containers on request. */
  readonly prepares?: true | undefined;
  /** Whether it was disabled, but goes on to run what it gets. It is `down` then. */
  readonly drains?: true | undefined;
}

/** Chooses an invoker for each invocation, sends it there, and tracks it until it is acknowledged. */
export interface LoadBalancer {
  /**
   * Places an invocation and sends its message. Resolves once the bus has the message. For a colored invocation it sets
   * `message.color`.
   * @throws NoInvokersError if no invoker is up, and errors of the bus such as MessageTooLargeError. The invocation is
   * not in flight then.
   */
  publish(action: SchedulableAction, message: ActivationMessage, color?: ColorRequest): Promise<PendingActivation>;
  /** The number of a namespace's invocations in flight in this controller. */
  activeActivationsFor(namespaceUuid: string): number;
  totalActiveActivations(): number;
  /** This controller's invocations in flight: activation id, and the action as `path/name@version`. */
  activeActivations(): readonly (readonly [activationId: string, action: string])[];
  /** The invokers by instance number. A gap in the numbers is an invoker that is `down`. */
  invokers(): readonly InvokerHealth[];
  /** The number of controllers that share the invokers, including this one. */
  readonly clusterSize: number;
  /**
   * Takes no more invocations until it is in service again: `publish` rejects with NoInvokersError, and every invoker counts as down.
   * Invocations in flight continue; other controllers take over this one's share of the invokers. Never rejects.
   */
  setInService(on: boolean): Promise<void>;
  /** Stops the consumers and timers. Invocations in flight resolve to `lost`. */
  close(): Promise<void>;
}

/** The requirements of an invocation that no invoker meets. */
export interface UnmetRequirements {
  /** The action's tags, if no invoker that is up has all of them. */
  readonly tags?: readonly string[] | undefined;
  /** The namespace, if each invoker is dedicated to others. */
  readonly namespace?: string | undefined;
}

/** No suitable invoker is up. The API responds 503. */
export class NoInvokersError extends Error {
  override readonly name = 'NoInvokersError';
  /** Whether the message names requirements that no invoker meets. Otherwise no invoker is up. */
  readonly unmet: boolean;

  constructor({ tags = [], namespace }: UnmetRequirements = {}) {
    super(
      tags.length > 0
        ? `No invoker with the resources ${tags.join(', ')} is available.`
        : namespace !== undefined
          ? `No invoker is available for the namespace '${namespace}': all are dedicated to other namespaces.`
          : 'No invokers available',
    );
    this.unmet = tags.length > 0 || namespace !== undefined;
  }
}
