import { hasAllChanges } from './baseSets.js';
import type { Owned } from './ColorStates.js';

/** The most keys to remember for one color. Beyond them, a copy of any object may have come late. */
const MAX_KEYS = 1000;

/** The set may differ from this memory: a request for a copy got no answer, or its change was taken back. */
export function noteLateCopy(owned: Owned, key: string): void {
  if (owned.lateCopies === 'many') return;
  owned.lateCopies.add(key);
  if (owned.lateCopies.size > MAX_KEYS) owned.lateCopies = 'many';
}

/** Whether a set that counts may have, or get late, another version of an object than this memory. */
export const hasLateCopy = (owned: Owned, key: string): boolean =>
  hasKey(owned.lateCopies, key) || hasKey(owned.lateBefore, key) || mayDiffer(owned);

const hasKey = (keys: Owned['lateCopies'], key: string): boolean => keys === 'many' || keys.has(key);

/**
 * Whether a set of an earlier ownership may differ from the one that this owner has begun with. It would come next if this owner ended before
 * it has a set of its own.
 */
const mayDiffer = ({ copiedTo, copies, base }: Owned): boolean =>
  !copiedTo &&
  copies.size > 0 &&
  [...copies.values()].some(
    (set) => (set.unsure === true || base?.unsure === true) && set.lost !== true && hasAllChanges(set, base),
  );

/** The set is like this memory, and refuses the earlier requests. */
export function endLateCopy({ lateCopies }: Owned, key: string): void {
  if (lateCopies !== 'many') lateCopies.delete(key);
}

/** All keys for which `hasLateCopy` holds. */
export function allLateCopies({ lateCopies, lateBefore }: Owned): Owned['lateCopies'] {
  if (lateCopies === 'many' || lateBefore === 'many') return 'many';
  return new Set([...lateCopies, ...lateBefore]);
}

/** Another set begins: nothing comes late to it. The former one counts until it is complete. */
export function beginAnotherSet(owned: Owned): void {
  owned.lateBefore = owned.lateCopies;
  owned.lateCopies = new Set();
}

/** The other set is complete. */
export function endFormerSet(owned: Owned): void {
  owned.lateBefore = new Set();
}

/** The former set still counts. */
export function returnToFormerSet(owned: Owned): void {
  const { lateBefore } = owned;
  owned.lateBefore = new Set();
  if (lateBefore === 'many') owned.lateCopies = 'many';
  else for (const key of lateBefore) noteLateCopy(owned, key);
}

/** No set counts any more. */
export function forgetLateCopies(owned: Owned): void {
  owned.lateCopies = new Set();
  owned.lateBefore = new Set();
}
