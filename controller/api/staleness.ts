import { DocumentConflictError } from '../../shared/store/ArtifactStore.js';

/**
 * Reads, changes and writes an entity. Retries once after a conflict: the cache may be older than another controller's
 * change, and the failed write has removed the old document from the cache.
 * @throws DocumentConflictError after a second conflict.
 */
export async function readAndWrite<T>(change: () => Promise<T>): Promise<T> {
  try {
    return await change();
  } catch (error) {
    if (!(error instanceof DocumentConflictError)) throw error;
    return change();
  }
}
