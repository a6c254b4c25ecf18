import { StoreUnavailableError } from './ArtifactStore.js';
import type { StaleBounds } from './ReadThroughCache.js';

/** The largest age of cached identities and entities while the store does not answer, in ms. */
const MAX_STALE_MS = 600_000;

/** The longest wait for a store that may be frozen, in ms. A working store answers within a few ms. */
const PATIENCE_MS = 1000;

/** The bounds of stale values for the caches of identities and entities. @param maxAgeMs 0: none */
export function staleBounds(maxAgeMs: number = MAX_STALE_MS): StaleBounds {
  return { maxAgeMs, patienceMs: PATIENCE_MS, isUnavailable: (error) => error instanceof StoreUnavailableError };
}
