import type { Caller } from '../../shared/access/caller.js';
import type { Identity } from '../../shared/entities/identity.js';

/** Finds out who calls. */
export interface Authentication {
  /**
   * The identity behind an `Authorization` header.
   * @param caller where the request comes from; undefined for credentials that are not a request's own.
   * @throws NotAuthenticatedError where there is no header, or not one of a known user.
   */
  authenticate(authorization: string | undefined, caller?: Caller): Promise<Identity>;
  /** The identity on whose behalf a namespace's own resources run when nobody signs; undefined where there is none. */
  identityOfNamespace(namespace: string): Promise<Identity | undefined>;
}
