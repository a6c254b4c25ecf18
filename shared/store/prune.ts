import type { ArtifactStore, ViewName, ViewQuery } from './ArtifactStore.js';

export interface PruneOptions {
  /** Records with an earlier start, in ms since the epoch, are deleted. */
  readonly before: number;
  /** Undefined: the records of all namespaces. */
  readonly namespace?: string | undefined;
  readonly batch?: number | undefined;
}

const BATCH = 500;

/**
 * Deletes the activation records that started before a time, the oldest first, in batches. It may be stopped and
 * started again at any time. Yields the number of deleted records after each batch.
 */
export async function* pruneActivations(
  activations: Pick<ArtifactStore, 'query' | 'deleteMany'>,
  { before, namespace, batch = BATCH }: PruneOptions,
): AsyncGenerator<number> {
  const [view, range]: [ViewName, ViewQuery] =
    namespace === undefined
      ? ['activations/byDate', { startKey: null, endKey: before - 1 }]
      : ['whisks.v2.1.0/activations', { startKey: [namespace, 0], endKey: [namespace, before - 1] }];
  for (;;) {
    const rows = await activations.query(view, { ...range, limit: batch });
    const deleted = await activations.deleteMany(rows.map(({ id }) => id));
    if (deleted > 0) yield deleted;
    // An outdated view still contains deleted records.
    if (deleted === 0 || rows.length < batch) return;
  }
}
