/*
 * The controller's refusals, below HTTP: each class contains only the facts. Status codes and the texts that clients of
 * OpenWhisk know belong to `controller/api/answers.ts`. The errors of the store, the bus and the load balancer
 * (`DocumentConflictError`, `BusUnavailableError`, `NoInvokersError`, …) are defined in their own folders.
 */

/** A refusal that the caller can act on. Its message is for logs, not for clients. */
export abstract class Refusal extends Error {}

/**
 * Why authentication failed: credentials are missing or invalid, the namespace has no identity, or a caller on another
 * machine used a well-known key.
 */
export type AuthenticationFault = 'missing' | 'invalid' | 'no identity' | 'well known';

export class NotAuthenticatedError extends Refusal {
  override readonly name = 'NotAuthenticatedError';
  readonly fault: AuthenticationFault;
  constructor(fault: AuthenticationFault) {
    super(`authentication failed: ${fault}`);
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

/** An entity does not exist. `resource`: its full name if the response may contain it. */
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

/** A limit of a namespace: invocations or fires per minute, or concurrent invocations. */
export type RateLimit = 'per minute' | 'concurrent';

/** The namespace exceeds one of its limits. A later request may succeed. */
export class ThrottledError extends Refusal {
  override readonly name = 'ThrottledError';
  readonly limit: RateLimit;
  readonly count: number;
  readonly allowed: number;
  constructor(limit: RateLimit, count: number, allowed: number) {
    super(`too many requests (${limit}): ${count} of ${allowed} allowed`);
    this.limit = limit;
    this.count = count;
    this.allowed = allowed;
  }
}

/** The action may have no container: its limit `instances` is 0. */
export class NoInstancesError extends Refusal {
  override readonly name = 'NoInstancesError';
  constructor() {
    super('the limit on containers of the action is 0');
  }
}

/** The request sets reserved parameters, or parameters that the action declares final. */
export class ParametersNotAllowedError extends Refusal {
  override readonly name = 'ParametersNotAllowedError';
  constructor() {
    super('the request sets reserved or final parameters');
  }
}

/** An error in the words of the API. */
export interface Explanation {
  /** The HTTP status of the error. */
  readonly statusCode: number;
  readonly message: string;
  /** Whether the request was refused; false: the server failed. */
  readonly refused: boolean;
}

/** Explains an error for a record when no HTTP request waits. */
export type Explain = (error: unknown) => Explanation;
