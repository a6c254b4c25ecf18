import type { ActivationRecord } from '../../shared/entities/activation.js';
import type { Action } from '../../shared/entities/documents.js';
import type { Identity } from '../../shared/entities/identity.js';
import type { Json, KeyValue } from '../../shared/entities/keyvalue.js';
import type { TransactionId } from '../../shared/entities/transaction.js';

/** An action with package and binding resolved, and their parameters merged under the action's own. */
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
  /** The caller's payload; an object is merged over the action's parameters. */
  readonly payload: Json | undefined;
  /** Wait at most so long (ms) for the result; undefined: do not wait. */
  readonly waitMs: number | undefined;
  /** The activation that causes this one (a sequence, a conductor, a trigger). */
  readonly cause?: string | undefined;
  readonly color?: GivenColor | undefined;
}

/** The sources of an invocation's color besides its action's annotation: see `requestedColor`. */
export interface GivenColor {
  /** The request's header `X-OpenWhisk-Color`. */
  readonly fromHeader?: string | undefined;
  /** The request's header `X-OpenWhisk-Color-Policy`, also for the steps of a composite. */
  readonly policy?: string | undefined;
  /** The color of the cause. */
  readonly inherited?: string | undefined;
  /** Only `inherited` counts: the step of a conductor has the color of its run, or none if the run has none. */
  readonly settled?: boolean | undefined;
  /** The query of a web request, unparsed. */
  readonly query?: string | undefined;
}

/** `record`: it finished within the wait. `accepted`: the caller does not wait, or no longer; the record comes later. */
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
