import type { Identity } from '../entities/identity.js';

/** The identities of callers: the database `subjects`, with a short-lived cache. */
export interface AuthStore {
  /**
   * The identity for an API key, with its namespace's limits; undefined for an unknown key or a blocked subject.
   * Compares secrets in constant time.
   * @throws StoreUnavailableError if the store does not answer and the key is not cached.
   */
  identityByKey(uuid: string, key: string): Promise<Identity | undefined>;
  /** One of a namespace's identities, for calls without a key (web actions). */
  identityByNamespace(namespace: string): Promise<Identity | undefined>;
}
