import { StoreUnavailableError } from './ArtifactStore.js';
import type { StaleBounds } from './ReadThroughCache.js';

/** How old a known identity or entity may be that is used while the store does not answer, in ms. */
const MAX_STALE_MS = 600_000;

/** A store that answers takes a few ms. A request is not held longer than this for one that may be frozen. */
const PATIENCE_MS = 1000;

/** When the caches of identities and entities give out what is no longer fresh. @param maxAgeMs 0: never */
export function staleBounds(maxAgeMs: number = MAX_STALE_MS): StaleBounds {
  return { maxAgeMs, patienceMs: PATIENCE_MS, isUnavailable: (error) => error instanceof StoreUnavailableError };
}
