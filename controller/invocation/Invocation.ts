import type { ActivationRecord } from '../../shared/entities/activation.js';
import type { Action } from '../../shared/entities/documents.js';
import type { Identity } from '../../shared/entities/identity.js';
import type { Json, KeyValue } from '../../shared/entities/keyvalue.js';
import type { MessageReferences } from '../../shared/messages/references.js';
import type { TransactionId } from '../../shared/entities/transaction.js';

/** An action with its package and binding resolved and their parameters merged. The action's own parameters win. */
export interface ResolvedAction {
  /** The action's own document, never under the name of a binding, without code. */
  readonly action: Action;
  /** The path of the binding in the request (`namespace/binding`). */
  readonly binding?: string | undefined;
  /** Package < binding < action. */
  readonly parameters: readonly KeyValue[];
}

export interface InvocationRequest {
  readonly transid: TransactionId;
  readonly user: Identity;
  readonly target: ResolvedAction;
  /** The caller's payload; an object is merged over the action's parameters. */
  readonly payload: Json | undefined;
  /** The longest wait for the result in ms; undefined: do not wait. */
  readonly waitMs: number | undefined;
  /** The activation that causes this one (of a sequence, a conductor or a trigger). */
  readonly cause?: string | undefined;
  readonly color?: GivenColor | undefined;
  /** Whether references in parameters are resolved, and large results are kept as objects. Also for each step. */
  readonly references?: MessageReferences | undefined;
}

/** The sources of an invocation's color besides its action's annotation: see `requestedColor`. */
export interface GivenColor {
  /** The request's header `X-OpenWhisk-Color`. */
  readonly fromHeader?: string | undefined;
  /** The request's header `X-OpenWhisk-Color-Policy`. It applies to the steps of a composite, too. */
  readonly policy?: string | undefined;
  /** The color of the cause. */
  readonly inherited?: string | undefined;
  /**
   * Whether only `inherited` counts: the step of a conductor has the color of its run, or no color if the run has none.
   */
  readonly settled?: boolean | undefined;
  /** The query of a web request, unparsed. */
  readonly query?: string | undefined;
}

/**
 * `record`: it finished within the wait. `accepted`: the caller does not wait, or the wait timed out; the record
 * follows.
 */
export type InvocationOutcome =
  | { readonly kind: 'record'; readonly record: ActivationRecord }
  | { readonly kind: 'accepted'; readonly activationId: string };

/**
 * Runs actions of all kinds: primitive, sequence, conductor. The caller must check entitlement and rate limits first.
 * @throws NoInvokersError, and the errors of the bus and the store.
 */
export interface Invocation {
  invoke(request: InvocationRequest): Promise<InvocationOutcome>;
}
