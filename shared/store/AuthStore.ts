import type { Identity } from '../entities/identity.js';

/** Who may call: the database `subjects`, cached for a short while. */
export interface AuthStore {
  /**
   * The identity with that API key, with its namespace's limits; undefined for an unknown key or a blocked subject.
   * Secrets are compared in constant time.
   * @throws StoreUnavailableError where the store does not answer and the key is not known from before.
   */
  identityByKey(uuid: string, key: string): Promise<Identity | undefined>;
  /** One of a namespace's identities, for calls without a key (web actions). */
  identityByNamespace(namespace: string): Promise<Identity | undefined>;
}
