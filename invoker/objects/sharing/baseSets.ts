import type { Peer } from '../../../shared/objects/Locate.js';
import type { CopySetState } from './CopySets.js';

/** A set of copies. `peer` undefined: in this invoker. */
export interface SetAt extends CopySetState {
  readonly peer: Peer | undefined;
  /** The invoker is dead, or has started again. */
  readonly lost?: boolean;
}

/**
 * The sets from which a new owner takes a color's replicated objects: the first one of them that it gets. They are the complete sets
 * that contain all acknowledged changes, the newest one first. Older ones are out of date, even if all of these are lost.
 */
export function baseSets(known: readonly SetAt[]): SetAt[] {
  const complete = known.filter((set) => set.complete);
  const newest = Math.max(0, ...complete.map(({ epoch }) => epoch));
  const oldest = Math.min(
    newest,
    ...complete.flatMap(({ epoch, since }) => (epoch === newest ? [since ?? epoch] : [])),
  );
  // Other sets with the same epoch have the same objects. That of this invoker need not be fetched.
  const rank = ({ unsure, peer }: SetAt): number => (unsure === true ? 2 : peer ? 1 : 0);
  return complete
    .filter(({ epoch, until = epoch, lost }) => (epoch >= oldest || until >= newest) && lost !== true)
    .toSorted((a, b) => b.epoch - a.epoch || rank(a) - rank(b));
}

/** Whether a set contains all acknowledged changes. @param base the set from which an owner has begun that has not made one of its own. */
export const hasAllChanges = (
  { epoch, complete, until = epoch }: CopySetState,
  base: CopySetState | undefined,
): boolean => base !== undefined && complete && (epoch >= (base.since ?? base.epoch) || until >= base.epoch);
