import type { Identity } from '../entities/identity.js';

/** Who may call: the database `subjects`, cached for a short while. */
export interface AuthStore {
  /**
   * The identity with that API key, its namespace's limits at hand; undefined where there is none. A blocked subject
   * has none. Secrets are compared in constant time.
   */
  identityByKey(uuid: string, key: string): Promise<Identity | undefined>;
  /** One of a namespace's identities, for calls that nobody signs (web actions). */
  identityByNamespace(namespace: string): Promise<Identity | undefined>;
}
