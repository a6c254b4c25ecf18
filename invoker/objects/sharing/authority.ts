import type { Peer } from '../../../shared/objects/Locate.js';
import type { RaisedEpoch } from './CopySets.js';

/*
 * Which invokers' objects of a color count for its next owner. An owner takes an object from a former one before it changes
 * it. So an object that the latest owner has counted is current, and stays so until it moves. An object that it has not
 * counted is out of date: the owner took its invoker for dead, and served the color without it.
 *
 * So the claim with the highest epoch decides, if it is that of the latest owner. It is, if it was confirmed until now, or if
 * no higher epoch is known but those of invokers that have replied: their claims are known. Otherwise the latest owner is
 * dead or cut off, and nobody knows what it has changed: its objects of `memory` are lost, and those of all others with them.
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
  /** The invokers that have replied. */
  readonly replied: ReadonlySet<number>;
}

/** The invokers whose objects count. */
export interface Counted {
  /** The others; `all`: nobody is known to have owned the color. */
  readonly formers: readonly Peer[] | 'all';
  readonly self: boolean;
}

const NOBODY: Counted = { formers: [], self: false };

export function counted({ self, claims, raised, replied }: Told): Counted {
  const [highest] = claims.toSorted((a, b) => b.epoch - a.epoch);
  const foreign = raised.filter(({ by }) => by === undefined || (by !== self && !replied.has(by)));
  const known = Math.max(0, ...foreign.map(({ epoch }) => epoch));
  if (!highest) return known === 0 ? { formers: 'all', self: true } : NOBODY;
  if (!highest.confirmed && known > highest.epoch) return NOBODY;
  const { peer, objects, formers } = highest;
  const counting = peer && objects ? [...formers, peer] : formers;
  return {
    formers: counting.filter(({ instance }) => instance !== self),
    self: peer === undefined || counting.some(({ instance }) => instance === self),
  };
}
