import { DocumentConflictError } from '../../shared/store/ArtifactStore.js';

/**
 * Reads, changes and writes an entity, and does so once more where what it had read was out of date: another controller's
 * change may not have been heard of yet. A failed write has made the cache forget what it had.
 * @throws DocumentConflictError where somebody else was quicker again.
 */
export async function readAndWrite<T>(change: () => Promise<T>): Promise<T> {
  try {
    return await change();
  } catch (error) {
    if (!(error instanceof DocumentConflictError)) throw error;
    return change();
  }
}
