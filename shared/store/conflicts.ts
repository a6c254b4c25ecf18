import { retry } from '../process/retry.js';
import { DocumentConflictError } from './ArtifactStore.js';

/**
 * Reads, changes and writes a document; again from the read after each conflict, since another process was quicker.
 * @param tries how many conflicts end it: many where many processes write one document.
 * @throws DocumentConflictError after so many conflicts; and what `change` throws.
 */
export function retryConflicts<R>(tries: number, change: (conflicts: number) => Promise<R>): Promise<R> {
  return retry(change, {
    delayMs: (conflicts) => (conflicts < tries ? 0 : undefined),
    isFinal: (error) => !(error instanceof DocumentConflictError),
  });
}
