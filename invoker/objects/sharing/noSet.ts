import type { Peer } from '../../../shared/objects/Locate.js';
import type { CopySet, Owned } from './ColorStates.js';
import type { CopyRequests } from './CopyRequests.js';
import type { CopySetState } from './CopySets.js';
import { PeerError } from './PeerClient.js';

/*
 * An owner whose next home has no memory for a set of copies must still be able to remove a replicated object: nothing else may make room.
 * The removal is safe without a set if no invoker has a complete set that a later owner could take the object from, and none gets one. It
 * is then as if the next home had completed a set, had got the removal, and had lost the set right after that.
 */

/** The invokers with complete sets that have all acknowledged changes, those that are up first. One with another address has started again. */
export function safeHolders({ copiedTo, copies, base, others }: Owned): Peer[] {
  const since = base?.since ?? base?.epoch ?? Infinity;
  const safe = copiedTo ? [copiedTo] : [...copies.values()].filter(({ complete, epoch }) => complete && epoch >= since);
  const upAt = ({ peer }: CopySet): string | undefined =>
    others.find(({ instance }) => instance === peer.instance)?.url;
  return safe
    .filter((set) => set.lost !== true && (upAt(set) ?? set.peer.url) === set.peer.url)
    .toSorted((a, b) => Number(upAt(b) !== undefined) - Number(upAt(a) !== undefined))
    .map(({ peer }) => peer);
}

/**
 * Asks all invokers that may have a complete set, or get one by a late request. They refuse requests with a lower epoch than `owned.epoch`
 * from now on. Sets that are out of date are removed.
 * @param self the number of this invoker. Others may know of a set that it had before it started again.
 * @returns whether none of them has, or can have, a set that counts. One that does not answer may have it.
 * @throws ObjectError 421 from an invoker that knows a later owner
 */
export async function noneHasSet(requests: CopyRequests, owned: Owned, self: number): Promise<boolean> {
  const { mayHold, copies, copiedTo, formers, begunAt, others } = owned;
  const sets = [...copies.values(), ...(copiedTo ? [copiedTo] : [])].map(({ peer }) => peer);
  // By address: an invoker that has started again may have another address. Only the addresses of invokers that are up are known for sure.
  const asked = new Map<string, Peer>();
  for (const peer of [...mayHold.values(), ...sets, ...formers.values(), ...begunAt.values()]) {
    if (peer.instance === self) continue;
    const at = others.find(({ instance }) => instance === peer.instance) ?? peer;
    asked.set(at.url, at);
  }
  const answers = await Promise.all([...asked.values()].map((peer) => hasNoSet(requests, owned, peer)));
  return answers.every(Boolean);
}

async function hasNoSet(requests: CopyRequests, owned: Owned, at: Peer): Promise<boolean> {
  const { namespace, color, epoch } = owned;
  const fence = () => requests.fence(at, namespace, color, { epoch, run: undefined });
  try {
    let { set, owner } = await fence();
    // A former owner that was frozen makes a set of its objects yet.
    if (owner !== false) return false;
    if (set?.complete === true && !counts(set, owned)) {
      await requests.forget({ at, namespace, color, epoch });
      ({ set, owner } = await fence());
    }
    return owner === false && set?.complete !== true;
  } catch (error) {
    if (!(error instanceof PeerError)) throw error;
    // Its memory has ended with it.
    return error.fault === 'dead';
  }
}

/** Whether a complete set may have all acknowledged changes. */
function counts({ epoch, until = epoch }: CopySetState, { copiedTo, base }: Owned): boolean {
  const since = copiedTo ? copiedTo.epoch : base ? (base.since ?? base.epoch) : 0;
  return Math.max(epoch, until) >= since;
}
