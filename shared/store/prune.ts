import type { ArtifactStore, ViewName, ViewQuery } from './ArtifactStore.js';

export interface PruneOptions {
  /** Records that began before this, in ms since the epoch, are deleted. */
  readonly before: number;
  /** Undefined: those of all namespaces. */
  readonly namespace?: string | undefined;
  readonly batch?: number | undefined;
}

const BATCH = 500;

/**
 * Deletes the records of activations that began before a time, the oldest first, in batches, so that it may be ended and begun
 * anew at any time. Yields after each batch how many it has deleted.
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
    // A view that is behind goes on naming what was deleted.
    if (deleted === 0 || rows.length < batch) return;
  }
}
