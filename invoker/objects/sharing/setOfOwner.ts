import type { Owned } from './ColorStates.js';
import type { CopySetState } from './CopySets.js';

/**
 * The set of copies that the replicated objects of an owner become when its ownership ends. Its unsafe changes were taken back.
 * @param isConfirmed it has been the owner until now for sure. Otherwise another invoker may have taken the color over in silence.
 * @param wasQuiet no change was under way.
 * @param isHeld no other invoker has taken the color over in silence.
 * @returns undefined: it has none.
 */
export function setOfOwner(
  owned: Owned,
  isConfirmed: boolean,
  wasQuiet: boolean,
  isHeld = false,
): CopySetState | undefined {
  const { epoch, copiedTo, base, lateCopies } = owned;
  if (isConfirmed) {
    if (!copiedTo && !base) return undefined;
    // Its own sets have its epoch at most. If this one gets lost, one of them still has all acknowledged changes.
    const since = copiedTo ? (copiedTo.lost === true ? undefined : copiedTo.epoch) : (base?.since ?? base?.epoch);
    return { epoch: epoch + 1, complete: true, since };
  }
  // Its next home may have completed a set without an answer yet. If that one gets lost, or is silent, these objects are as good.
  const until = isHeld ? { until: epoch } : {};
  // It has acknowledged no change of them.
  if (!copiedTo) return base && { ...base, ...until };
  const isLike = wasQuiet && copiedTo.epoch === epoch && lateCopies !== 'many' && lateCopies.size === 0;
  // A lost set does not count: these objects may be the only ones. Another owner's changes have a higher epoch than that set in any case.
  const isSure = isLike || copiedTo.lost === true;
  return { epoch: copiedTo.epoch, complete: true, ...until, ...(isSure ? {} : { unsure: true }) };
}
