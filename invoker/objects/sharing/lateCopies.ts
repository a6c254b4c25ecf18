import type { Owned } from './ColorStates.js';

/** The most keys to remember for one color. Beyond them, a copy of any object may have come late. */
const MAX_KEYS = 1000;

/** A request for a copy got no answer: it may arrive late. */
export function noteLateCopy(owned: Owned, key: string): void {
  if (owned.lateCopies === 'many') return;
  owned.lateCopies.add(key);
  if (owned.lateCopies.size > MAX_KEYS) owned.lateCopies = 'many';
}

/** Whether the invoker with the copies may have, or get, one of an object after a request that got no answer. */
export const hasLateCopy = ({ lateCopies }: Owned, key: string): boolean =>
  lateCopies === 'many' || lateCopies.has(key);

/** The copy has changed since, in a set that refuses the earlier requests. */
export function endLateCopy({ lateCopies }: Owned, key: string): void {
  if (lateCopies !== 'many') lateCopies.delete(key);
}

/** All objects were copied anew. */
export function endLateCopies(owned: Owned): void {
  owned.lateCopies = new Set();
}
