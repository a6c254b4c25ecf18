import type { Caller } from '../../shared/access/caller.js';
import type { Identity } from '../../shared/entities/identity.js';

/** Identifies the caller of a request. */
export interface Authentication {
  /**
   * The identity for an `Authorization` header.
   * @param caller the origin of the request; undefined if the credentials do not belong to a request.
   * @throws NotAuthenticatedError if the header is missing or does not belong to a known user.
   */
  authenticate(authorization: string | undefined, caller?: Caller): Promise<Identity>;
  /**
   * The identity that runs a namespace's resources when a request has no credentials; undefined if it does not exist.
   */
  identityOfNamespace(namespace: string): Promise<Identity | undefined>;
}
