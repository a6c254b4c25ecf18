/*
 * Why the controller refuses what a caller asks for, below HTTP: each class carries the facts alone. Status codes and
 * the texts that clients of OpenWhisk know belong to the edge (`controller/api/answers.ts`). Refusals of the store, the
 * bus and the load balancer (`DocumentConflictError`, `BusUnavailableError`, `NoInvokersError`, …) stay where they arise.
 */

/** A refusal that is the caller's to deal with. Its message is for logs, not for clients. */
export abstract class Refusal extends Error {}

/**
 * Why a caller is not known: it sent no credentials, wrong ones, its namespace has no identity, or it is not on the server's
 * machine, where alone a key that everybody knows is accepted.
 */
export type AuthenticationFault = 'missing' | 'invalid' | 'no identity' | 'well known';

export class NotAuthenticatedError extends Refusal {
  override readonly name = 'NotAuthenticatedError';
  readonly fault: AuthenticationFault;
  constructor(fault: AuthenticationFault) {
    super(`the caller is not known: ${fault}`);
    this.fault = fault;
  }
}

/** The caller has no right on these resources: full names, such as `guest/package/action`. */
export class NotAuthorizedError extends Refusal {
  override readonly name = 'NotAuthorizedError';
  readonly resources: readonly string[];
  constructor(resources: readonly string[]) {
    super(`the caller has no right on ${resources.join(', ')}`);
    this.resources = resources;
  }
}

/** The caller may not have actions of this kind. */
export class KindNotAllowedError extends Refusal {
  override readonly name = 'KindNotAllowedError';
  readonly kind: string;
  constructor(kind: string) {
    super(`the caller may not have actions of kind ${kind}`);
    this.kind = kind;
  }
}

/** Actions of this kind may be read and deleted, but no longer changed or run. */
export class DeprecatedKindError extends Refusal {
  override readonly name = 'DeprecatedKindError';
  readonly kind: string;
  constructor(kind: string) {
    super(`the kind ${kind} is deprecated`);
    this.kind = kind;
  }
}

/** An entity does not exist. `resource`: its full name, where the answer is to say it. */
export class NotFoundError extends Refusal {
  override readonly name = 'NotFoundError';
  readonly resource: string | undefined;
  constructor(resource?: string) {
    super(`${resource ?? 'the entity'} does not exist`);
    this.resource = resource;
  }
}

/** A package binding leads back to itself. */
export class CircularBindingError extends Refusal {
  override readonly name = 'CircularBindingError';
  /** The document id of the binding, `namespace/name`. */
  readonly binding: string;
  constructor(binding: string) {
    super(`the package binding ${binding} leads back to itself`);
    this.binding = binding;
  }
}

/** The limits on how much a namespace may do: invocations (or fires) of this minute, invocations at the same time. */
export type RateLimit = 'per minute' | 'concurrent';

/** The namespace is over one of its limits. A later request may be granted. */
export class ThrottledError extends Refusal {
  override readonly name = 'ThrottledError';
  readonly limit: RateLimit;
  readonly count: number;
  readonly allowed: number;
  constructor(limit: RateLimit, count: number, allowed: number) {
    super(`too many requests (${limit}): ${count}, allowed are ${allowed}`);
    this.limit = limit;
    this.count = count;
    this.allowed = allowed;
  }
}

/** The request sets parameters that are reserved, or that the action declares final. */
export class ParametersNotAllowedError extends Refusal {
  override readonly name = 'ParametersNotAllowedError';
  constructor() {
    super('the request sets reserved or final parameters');
  }
}

/** How the edge words an error for clients. */
export interface Explanation {
  /** The HTTP status that stands for it. */
  readonly statusCode: number;
  readonly message: string;
  /** Whether the request was refused; false: the server failed. */
  readonly refused: boolean;
}

/** Words an error for the records of work that no HTTP request waits for. */
export type Explain = (error: unknown) => Explanation;
