import type { Peer } from '../../../shared/objects/Locate.js';
import type { Owned } from './ColorStates.js';
import type { CopySetState } from './CopySets.js';

/** A set of copies. `peer` undefined: in this invoker. */
export interface SetAt extends CopySetState {
  readonly peer: Peer | undefined;
  readonly lost?: boolean;
}

/**
 * The sets of copies that may contain the current replicated objects, the newest one first: the complete set with the
 * highest epoch, and later incomplete ones. Older sets are out of date, even if the current ones are lost.
 * @param own the set in this invoker.
 */
export function currentSets(owned: Owned, own: CopySetState | undefined): SetAt[] {
  const all: SetAt[] = owned.copiedTo
    ? [owned.copiedTo]
    : [...owned.copies.values(), ...(own ? [{ ...own, peer: undefined }] : [])];
  const complete = Math.max(0, ...all.filter((set) => set.complete).map(({ epoch }) => epoch));
  return all.filter(({ epoch, lost }) => epoch >= complete && lost !== true).toSorted((a, b) => b.epoch - a.epoch);
}
