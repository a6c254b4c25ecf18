import { retry } from '../process/retry.js';
import { DocumentConflictError } from './ArtifactStore.js';

/**
 * Reads, changes and writes a document. After a conflict it starts again with the read.
 * @param tries the number of conflicts after which it fails: high if many processes write one document.
 * @throws DocumentConflictError after that many conflicts; the errors of `change`.
 */
export function retryConflicts<R>(tries: number, change: (conflicts: number) => Promise<R>): Promise<R> {
  return retry(change, {
    delayMs: (conflicts) => (conflicts < tries ? 0 : undefined),
    isFinal: (error) => !(error instanceof DocumentConflictError),
  });
}
