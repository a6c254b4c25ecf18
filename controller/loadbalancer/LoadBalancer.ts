import type { ActivationRecord } from '../../shared/entities/activation.js';
import type { FullyQualifiedName } from '../../shared/entities/names.js';
import type { ActivationMessage } from '../../shared/messages/activation.js';
import type { InvokerInstance } from '../../shared/messages/instances.js';

/** What the balancer has to know of an action in order to place an invocation of it. */
export interface SchedulableAction {
  /** The action at its own place, with its version. */
  readonly name: FullyQualifiedName;
  readonly kind: string;
  /** MB, the action's own limit. */
  readonly memory: number;
  /** MB, for the record of a lost invocation. */
  readonly logs: number;
  /** How many invocations a container of it takes at once. */
  readonly concurrency: number;
  /** The action's time limit in ms. */
  readonly timeout: number;
  /** Whether the image has to be pulled (a user's own image): placed on the blackbox share of the invokers. */
  readonly blackbox: boolean;
  /** The annotation `invoker-resources`: tags that an invoker has to have. Missing: none. */
  readonly tags?: readonly string[] | undefined;
  /** The annotation `invoker-resources-strict-policy`: whether an invoker without the tags is refused. Missing: yes. */
  readonly tagsStrict?: boolean | undefined;
}

/** The color that an invocation asks for. */
export interface ColorRequest {
  /** As the caller gave it; the balancer scopes it by the caller's namespace (`message.user.namespace`). */
  readonly value: string;
  /** The policy that the caller asks for (header `X-OpenWhisk-Color-Policy`). An unknown one is ignored and counted. */
  readonly callerPolicy?: string | undefined;
  /** The action's annotation `color-policy`. An unknown one is ignored and counted. */
  readonly policy?: string | undefined;
  /** How long it may be expected to wait at its home, in ms. Missing: as the installation has it. */
  readonly patienceMs?: number | undefined;
}

/**
 * What became of an invocation. `record`: its result. `stored`: it finished, but the record did not fit the bus and has
 * to be read from the store. `lost`: no acknowledgement came in time; a record may still turn up in the store.
 */
export type Acknowledged =
  | { readonly kind: 'record'; readonly record: ActivationRecord }
  | { readonly kind: 'stored'; readonly activationId: string }
  | { readonly kind: 'lost'; readonly activationId: string };

/** An invocation that the bus has taken. */
export interface PendingActivation {
  readonly activationId: string;
  readonly invoker: InvokerInstance;
  /**
   * Never rejects. For a blocking message it resolves at the result (before the logs are collected), or to `lost` after
   * the forced completion timeout; for a non-blocking one at once, to `stored`.
   */
  readonly result: Promise<Acknowledged>;
  /**
   * Of a blocking message: resolves once the message outlives this process, to be awaited before its id is given to the
   * caller in the place of a result. Missing: it does already. @throws BusUnavailableError
   */
  readonly keep?: (() => Promise<void>) | undefined;
}

/** An invoker's state, in the words of `GET /invokers`. Only one that is `up` gets users' work. */
export type InvokerStatus = 'up' | 'unhealthy' | 'unresponsive' | 'down';

export interface InvokerHealth {
  readonly instance: InvokerInstance;
  readonly status: InvokerStatus;
  /** It never sent a ping: it fills a gap in the numbers. */
  readonly neverSeen?: true | undefined;
}

/** Chooses an invoker for each invocation, sends it there, and tracks it until it is acknowledged. */
export interface LoadBalancer {
  /**
   * Places an invocation and sends it. Resolves once the bus has the message; for a colored one `message.color` is set.
   * @throws NoInvokersError where none is up; what the bus threw (such as MessageTooLargeError); nothing counts as in flight then.
   */
  publish(action: SchedulableAction, message: ActivationMessage, color?: ColorRequest): Promise<PendingActivation>;
  /** Invocations of a namespace that this controller has under way. */
  activeActivationsFor(namespaceUuid: string): number;
  totalActiveActivations(): number;
  /** What this controller has under way: activation id, and the action as `path/name@version`. */
  activeActivations(): readonly (readonly [activationId: string, action: string])[];
  /** By instance number; a gap in the numbers is an invoker that is `down`. */
  invokers(): readonly InvokerHealth[];
  /** Controllers that share the invokers, this one counted. */
  readonly clusterSize: number;
  /**
   * Takes no more invocations, until `enable`: `publish` rejects with NoInvokersError, and no invoker counts as up. What is
   * under way goes on; other controllers take over this one's share of the invokers. Never rejects.
   */
  disable(): Promise<void>;
  enable(): void;
  /** Stops the consumers and timers. Invocations under way are acknowledged as `lost`. */
  close(): Promise<void>;
}

/** No invoker that may take the invocation is up. The API answers 503. */
export class NoInvokersError extends Error {
  override readonly name = 'NoInvokersError';

  /** @param tags that the action asks for and no invoker offers. */
  constructor(tags: readonly string[] = []) {
    super(
      tags.length === 0 ? 'No invokers available' : `No invoker with the resources ${tags.join(', ')} is available.`,
    );
  }
}
