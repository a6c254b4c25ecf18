import type { Owned } from './ColorStates.js';

/** The most keys to remember for one color. Beyond them, a copy of any object may have come late. */
const MAX_KEYS = 1000;

/** The set may differ from this memory: a request for a copy got no answer, or its change was taken back. */
export function noteLateCopy(owned: Owned, key: string): void {
  if (owned.lateCopies === 'many') return;
  owned.lateCopies.add(key);
  if (owned.lateCopies.size > MAX_KEYS) owned.lateCopies = 'many';
}

/** Whether the set may have, or get late, another version of an object than this memory. */
export const hasLateCopy = ({ lateCopies }: Owned, key: string): boolean =>
  lateCopies === 'many' || lateCopies.has(key);

/** The set is like this memory, and refuses the earlier requests. */
export function endLateCopy({ lateCopies }: Owned, key: string): void {
  if (lateCopies !== 'many') lateCopies.delete(key);
}

/** Another set begins: nothing comes late to it. @returns those of the former set. */
export function takeLateCopies(owned: Owned): Owned['lateCopies'] {
  const { lateCopies } = owned;
  owned.lateCopies = new Set();
  return lateCopies;
}

/** The former set still counts. */
export function addLateCopies(owned: Owned, earlier: Owned['lateCopies']): void {
  if (earlier === 'many') owned.lateCopies = 'many';
  else for (const key of earlier) noteLateCopy(owned, key);
}
