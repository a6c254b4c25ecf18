import type { Peer } from '../../../shared/objects/Locate.js';
import type { RaisedEpoch } from './CopySets.js';

/*
 * Which invokers' objects of a color count for its next owner. An owner takes an object from a former one before it changes
 * it. So an object that the latest owner has counted is current, and stays so until it moves. An object that it has not
 * counted is out of date: the owner took its invoker for dead, and served the color without it.
 *
 * So the claim of the latest owner decides: a confirmed one, whose invoker was the owner until now, else the one with the
 * highest epoch, if no higher epoch is known but those that an invoker itself has told of: such an invoker knows whether it
 * became the owner. Otherwise the latest owner is dead, cut off or restarted, and nobody knows what it has changed: its objects
 * of `memory` are lost, and those of all others with them. An invoker that has started again knows nothing of its earlier run,
 * so epochs belong to runs.
 */

/** The latest ownership of an invoker. */
export interface ClaimTold {
  readonly epoch: number;
  /** The claiming invoker; undefined: this one. */
  readonly peer: Peer | undefined;
  /** Whether it was the owner until now for sure. */
  readonly confirmed: boolean;
  /** Whether it has objects of the color. */
  readonly objects: boolean;
  /** Others whose objects it has counted. */
  readonly formers: readonly Peer[];
}

export interface Told {
  /** The number of this invoker, which becomes the owner. */
  readonly self: number;
  readonly claims: readonly ClaimTold[];
  /** The epochs that this invoker and those that replied have heard of. */
  readonly raised: readonly RaisedEpoch[];
  /** The highest epoch that each invoker has told of its present run, by that run. This invoker is one of them. */
  readonly own: ReadonlyMap<string, number>;
}

/** The invokers whose objects count. */
export interface Counted {
  /** The others; `all`: nobody is known to have owned the color. */
  readonly formers: readonly Peer[] | 'all';
  readonly self: boolean;
}

/** The highest epoch of an invoker that does not tell whether it became the owner with it; 0: none. */
export function highestUntold({ raised, own }: Pick<Told, 'raised' | 'own'>): number {
  const isOwn = ({ epoch, run }: RaisedEpoch): boolean => run !== undefined && (own.get(run) ?? 0) >= epoch;
  return Math.max(0, ...raised.filter((one) => !isOwn(one)).map(({ epoch }) => epoch));
}

const NOBODY: Counted = { formers: [], self: false };

export function counted({ self, claims, raised, own }: Told): Counted {
  // Who was the owner until now had no later one: a claim that is not confirmed and has a higher epoch is not of a later owner.
  const [highest] = claims.toSorted((a, b) => Number(b.confirmed) - Number(a.confirmed) || b.epoch - a.epoch);
  const known = highestUntold({ raised, own });
  if (!highest) return known === 0 ? { formers: 'all', self: true } : NOBODY;
  if (!highest.confirmed && known > highest.epoch) return NOBODY;
  const { peer, objects, formers } = highest;
  const counting = peer && objects ? [...formers, peer] : formers;
  return {
    formers: counting.filter(({ instance }) => instance !== self),
    self: peer === undefined || counting.some(({ instance }) => instance === self),
  };
}
