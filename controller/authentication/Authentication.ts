import type { Identity } from '../../shared/entities/identity.js';

/** Finds out who calls. */
export interface Authentication {
  /**
   * The identity behind an `Authorization` header.
   * @throws NotAuthenticatedError where there is no header, or not one of a known user.
   */
  authenticate(authorization: string | undefined): Promise<Identity>;
  /** The identity on whose behalf a namespace's own resources run when nobody signs; undefined where there is none. */
  identityOfNamespace(namespace: string): Promise<Identity | undefined>;
}
