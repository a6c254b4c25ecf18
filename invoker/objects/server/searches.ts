import { ObjectError } from '../../../shared/objects/ObjectError.js';

/**
 * How a wait before an operation ended: see `Elsewhere.prepare`. `missing`: the object was searched for everywhere, and exists nowhere.
 * `found`: the search has put it into this memory. `over`: something else was waited for.
 */
export type Prepared = 'missing' | 'found' | 'over';

/** What an operation knows before it looks again. */
export interface Searches {
  /** Whether to search for an object that is not in this memory. It need not be if a search has just shown that it is missing. */
  readonly mayRecover: boolean;
  /** How often it may still be found and be gone again. */
  readonly left: number;
}

const MAX_FOUND = 20;
export const NOT_SEARCHED: Searches = { mayRecover: true, left: MAX_FOUND };

/**
 * What an operation knows after a wait. The object may have been evicted since it was found, and it may have been written and evicted
 * since it was missing, if the operation has waited for something else after that: so only the latest wait counts.
 * @throws ObjectError 503
 */
export function afterWait({ left }: Searches, prepared: Prepared): Searches {
  if (prepared !== 'found') return { mayRecover: prepared !== 'missing', left };
  if (left === 0) throw new ObjectError(503, 'This invoker has no memory to keep the object now.', { retryAfterS: 1 });
  return { mayRecover: true, left: left - 1 };
}
