import type { Identity } from '../../shared/entities/identity.js';

/** A privilege on a resource, as in `Identity.rights`. */
export type Privilege = 'READ' | 'PUT' | 'DELETE' | 'ACTIVATE';

export type CollectionName =
  | 'actions'
  | 'packages'
  | 'triggers'
  | 'rules'
  | 'activations'
  | 'limits'
  | 'namespaces'
  | 'objects';

/** An entity; without a name a collection. */
export interface Resource {
  /** `namespace`, or `namespace/package` for an action in a package. */
  readonly path: string;
  readonly collection: CollectionName;
  readonly name?: string | undefined;
}

/** The full name of a resource in refusals. */
export function fullName(resource: Resource): string {
  return resource.name === undefined ? resource.path : `${resource.path}/${resource.name}`;
}

/** Checks a caller's rights and limits. */
export interface Entitlement {
  /**
   * Checks the caller's rights on all of the resources; for `ACTIVATE` of actions and triggers also its limits. The
   * call counts as one invocation or one fire, for any number of resources.
   * @throws NotAuthorizedError with the resources; NotFoundError or WrongEntityTypeError if the caller owns the
   * namespace of a package that does not exist or has another type; CircularBindingError; ThrottledError over a limit.
   */
  check(
    user: Identity,
    privilege: Privilege,
    resources: readonly Resource[],
    options?: { readonly throttle?: boolean | undefined },
  ): Promise<void>;
  /** Counts one invocation against the caller's limits, without a check of rights. @throws ThrottledError */
  checkThrottles(user: Identity): void;
  /**
   * Checks the limit on concurrent invocations for one more. To be called just before an invocation starts, since
   * others may have started after `check`. @throws ThrottledError
   */
  checkConcurrency(user: Identity): void;
  /** @throws KindNotAllowedError if the caller may not have actions of this kind. */
  checkKind(user: Identity, kind: string): void;
}
