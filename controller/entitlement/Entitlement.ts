import type { Identity } from '../../shared/entities/identity.js';

/** What a caller wants to do with a resource, in the words of `Identity.rights`. */
export type Privilege = 'READ' | 'PUT' | 'DELETE' | 'ACTIVATE';

export type CollectionName = 'actions' | 'packages' | 'triggers' | 'rules' | 'activations' | 'limits' | 'namespaces';

/** An entity, or without a name a whole collection. */
export interface Resource {
  /** `namespace`, or `namespace/package` for an action in a package. */
  readonly path: string;
  readonly collection: CollectionName;
  readonly name?: string | undefined;
}

/** The full name of a resource as refusals print it. */
export function fullName(resource: Resource): string {
  return resource.name === undefined ? resource.path : `${resource.path}/${resource.name}`;
}

/** Decides whether a caller may do what it asks for: by its rights, and by the limits on how much it may do. */
export interface Entitlement {
  /**
   * Checks the caller's rights on all of the resources, and, for `ACTIVATE` of actions and triggers, its limits (one
   * invocation or one fire is counted, however many resources there are).
   * @throws NotAuthorizedError with the resources, NotFoundError or WrongEntityTypeError for a package of the caller's own
   * that does not exist or is something else, CircularBindingError, ThrottledError over a limit.
   */
  check(
    user: Identity,
    privilege: Privilege,
    resources: readonly Resource[],
    options?: { readonly throttle?: boolean | undefined },
  ): Promise<void>;
  /** Counts one invocation against the caller's limits, where rights were checked in another way. @throws ThrottledError */
  checkThrottles(user: Identity): void;
  /**
   * Whether there is room for one more invocation right now. Asked again just before an invocation starts: others may
   * have started since `check`. @throws ThrottledError
   */
  checkConcurrency(user: Identity): void;
  /** @throws KindNotAllowedError where the caller may not have actions of that kind. */
  checkKind(user: Identity, kind: string): void;
}
