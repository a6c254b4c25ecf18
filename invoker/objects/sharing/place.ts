import type { Location, Peer } from '../../../shared/objects/Locate.js';
import type { ColorState, Owned } from './ColorStates.js';
import type { HomesReply } from '../../../shared/objects/homesReply.js';
import type { KnownHomes } from './HomesCache.js';

/** Where a color is. `home`: here, once this invoker owns it. */
export type Place =
  | Exclude<Location, { readonly kind: 'here' }>
  | { readonly kind: 'home'; readonly self: Peer; readonly others: readonly Peer[]; readonly reply: HomesReply };

/**
 * Where a color is, as far as an invoker knows.
 * @param instance the number of the invoker.
 * @param state of the color in it. An invoker that has just given the color away knows more than the controllers.
 */
export function placeOf(instance: number, state: ColorState | undefined, known: KnownHomes): Place {
  if (state?.kind === 'given') return { kind: 'elsewhere', homes: [state.to] };
  if ('unknown' in known) return { kind: 'unknown', reason: known.unknown };
  const [home, ...others] = known.homes;
  if (!home) return { kind: 'unknown', reason: 'no invoker that is up shares objects' };
  if (home.instance !== instance) return { kind: 'elsewhere', homes: [home, ...others] };
  return { kind: 'home', self: home, others, reply: known };
}

/**
 * Whether another set of copies is to be begun at the next home, because the color has copies elsewhere.
 * @param kept whether this invoker keeps a set of the color.
 */
export function needsNewSet(owned: Owned, next: Peer, kept: boolean, now: number): boolean {
  const { copying, copyAgainAt, copiedTo, copies } = owned;
  if (copying || now < copyAgainAt) return false;
  if (copiedTo) return copiedTo.peer.instance !== next.instance || copiedTo.lost === true;
  return copies.size > 0 || kept;
}
