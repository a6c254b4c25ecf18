import type { ActivationRecord } from '../../shared/entities/activation.js';
import type { Action } from '../../shared/entities/documents.js';
import type { Identity } from '../../shared/entities/identity.js';
import type { Json, KeyValue } from '../../shared/entities/keyvalue.js';
import type { TransactionId } from '../../shared/entities/transaction.js';

/** An action as it was found for a caller: package and binding resolved, their parameters merged under the action's own. */
export interface ResolvedAction {
  /** The document at its own place (never at a binding's), without code. */
  readonly action: Action;
  /** The path of the binding through which it was reached (`namespace/binding`). */
  readonly binding?: string | undefined;
  /** Package < binding < action. */
  readonly parameters: readonly KeyValue[];
}

export interface InvocationRequest {
  readonly transid: TransactionId;
  readonly user: Identity;
  readonly target: ResolvedAction;
  /** What the caller sends, merged over the action's parameters where it is an object. */
  readonly payload: Json | undefined;
  /** Wait at most so long (ms) for the result; undefined: do not wait. */
  readonly waitMs: number | undefined;
  /** The activation that causes this one (a sequence, a conductor, a trigger). */
  readonly cause?: string | undefined;
  readonly color?: GivenColor | undefined;
}

/** What an invocation's color is made of besides its action's annotation: see `requestedColor`. */
export interface GivenColor {
  /** The request's header `X-OpenWhisk-Color`. */
  readonly fromHeader?: string | undefined;
  /** The color of the cause. */
  readonly inherited?: string | undefined;
  /** `inherited` is all there is to know: the step of a conductor has the color of its run, or none as that has. */
  readonly settled?: boolean | undefined;
  /** Of a web request, as it came. */
  readonly query?: string | undefined;
}

/** `record`: it finished within the wait. `accepted`: it was not waited for, or the wait is over; the record comes later. */
export type InvocationOutcome =
  | { readonly kind: 'record'; readonly record: ActivationRecord }
  | { readonly kind: 'accepted'; readonly activationId: string };

/**
 * Runs actions of every kind: primitive, sequence, conductor. Entitlement and rate limits were checked before.
 * @throws NoInvokersError, and what the bus and the store throw.
 */
export interface Invocation {
  invoke(request: InvocationRequest): Promise<InvocationOutcome>;
}
