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

/** Whether another set of copies is to be begun at the next home, because the color has copies elsewhere. */
export function needsNewSet(owned: Owned, next: Peer, now: number): boolean {
  const { copying, copyAgainAt, copiedTo, copies, base } = owned;
  if (copying || now < copyAgainAt) return false;
  if (!copiedTo) return base !== undefined || copies.size > 0;
  const { peer, lost } = copiedTo;
  return peer.instance !== next.instance || peer.url !== next.url || lost === true;
}

/** Whether an owner needs the set of copies of another invoker. @param holder the name of that invoker. */
export function needsSet({ copiedTo, copies, copying, base }: Owned, holder: string): boolean {
  if (copying) return true;
  if (copiedTo) return `invoker${copiedTo.peer.instance}` === holder;
  // It has not made a set of its own yet.
  return base !== undefined || [...copies.values()].some(({ peer }) => `invoker${peer.instance}` === holder);
}
