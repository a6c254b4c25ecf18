import { messageOf } from '../../../shared/errors/reasons.js';
import type { InvokersReply } from '../../../shared/objects/invokersReply.js';
import type { Peer } from '../../../shared/objects/Locate.js';
import { ObjectError } from '../../../shared/objects/ObjectError.js';
import { hasAllChanges } from './baseSets.js';
import type { CopySet, Owned } from './ColorStates.js';
import type { CopyRequests } from './CopyRequests.js';
import type { CopySetState } from './CopySets.js';
import type { Holders } from './Holders.js';
import { PeerError } from './PeerClient.js';

/*
 * An owner whose next home has no memory for a set of copies must still be able to remove a replicated object: nothing else may make room.
 * The removal is safe without a set if no invoker has a complete set that a later owner could take the object from, and none gets one. It
 * is then as if the next home had completed a set, had got the removal, and had lost the set right after that.
 *
 * The owner may not have heard of an invoker with a set: that one was cut off when it had to forget the set, and a later owner did not ask
 * it, since it was not among the nearest homes. So all invokers are asked that the controllers know. That is done once in an ownership:
 * after that, only invokers at which the owner itself begins a set can get one. Controllers may differ for about a second, but an invoker
 * that one of them does not know yet has just started, and has no old set.
 */

/** Asks a controller for all invokers that share objects. Rejects with the reason in words. */
export type AskInvokers = () => Promise<InvokersReply>;

export interface NoSetParts {
  /** The number of this invoker. Others may know of a set that it had before it started again. */
  readonly instance: number;
  readonly requests: Pick<CopyRequests, 'fence' | 'forget'>;
  readonly holders: Pick<Holders, 'ask'>;
  readonly askInvokers: AskInvokers;
}

interface AskedPeer extends Peer {
  /** For how long the controllers have not heard of it, in ms. Missing: they have, or do not know it. */
  readonly silentMs?: number | undefined;
}

/** The most invokers that are asked at the same time. */
const AT_ONCE = 64;

/** The invokers with complete sets that have all acknowledged changes, those that are up first. One with another address has started again. */
export function safeHolders({ copiedTo, copies, base, others }: Owned): Peer[] {
  const safe = copiedTo ? [copiedTo] : [...copies.values()].filter((set) => hasAllChanges(set, base));
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
 * @returns why one of them may have, or may get, a set that counts: it may if it does not answer. Undefined: none of them has or gets one.
 * @throws ObjectError 421 from an invoker that knows a later owner
 */
export async function doubtOfNoSet(parts: NoSetParts, owned: Owned): Promise<string | undefined> {
  let all: InvokersReply = { up: [], away: [] };
  try {
    if (!owned.allAsked) all = await parts.askInvokers();
  } catch (error) {
    return `not all invokers are known (${messageOf(error)})`;
  }
  const rest = peersToAsk(parts.instance, owned, all).values();
  const doubts: string[] = [];
  const ask = async (): Promise<void> => {
    for (const peer of rest) {
      const doubt = await doubtAt(parts, owned, peer);
      if (doubt !== undefined) doubts.push(doubt);
    }
  };
  // All of them, also after a doubt: the silence of an invoker counts only while it is asked.
  await Promise.all(Array.from({ length: AT_ONCE }, ask));
  return doubts[0];
}

/** Those that may be slow to answer come first. */
function peersToAsk(self: number, owned: Owned, { up, away }: InvokersReply): AskedPeer[] {
  const { mayHold, copies, copiedTo, formers, begunAt, others } = owned;
  const sets = [...copies.values(), ...(copiedTo ? [copiedTo] : [])].map(({ peer }) => peer);
  const heard = [...mayHold.values(), ...sets, ...formers.values(), ...begunAt.values()];
  // By address: an invoker that has started again may have another address. Only the addresses of invokers that are up are known for sure.
  const silent = new Map(away.map(({ instance, silentMs }) => [instance, silentMs]));
  const isUp = others.filter(({ instance }) => !silent.has(instance));
  const upAt = new Map([...isUp, ...up].map((peer) => [peer.instance, peer]));
  const asked = new Map<string, AskedPeer>();
  for (const peer of [...away, ...heard, ...up]) {
    if (peer.instance === self) continue;
    const at = upAt.get(peer.instance) ?? { ...peer, silentMs: silent.get(peer.instance) };
    asked.set(at.url, at);
  }
  return [...asked.values()];
}

async function doubtAt(
  { requests, holders }: NoSetParts,
  owned: Owned,
  { silentMs, ...peer }: AskedPeer,
): Promise<string | undefined> {
  const ask = async (): Promise<{ readonly hasSet: boolean } | undefined> => {
    try {
      return { hasSet: await mayHaveSet(requests, owned, peer) };
    } catch (error) {
      if (!(error instanceof PeerError)) throw error;
      // Its memory has ended with it.
      if (error.fault === 'dead') return undefined;
      throw new ObjectError(503, error.message, { retryAfterS: 1, cause: error });
    }
  };
  try {
    const answer = await holders.ask(peer, ask, silentMs);
    return answer?.hasSet === true ? `invoker${peer.instance} may have another copy` : undefined;
  } catch (error) {
    if (!(error instanceof ObjectError) || error.status !== 503) throw error;
    return `invoker${peer.instance} may have another copy (${error.message})`;
  }
}

/** @throws ObjectError, PeerError */
async function mayHaveSet(requests: NoSetParts['requests'], owned: Owned, at: Peer): Promise<boolean> {
  const { namespace, color, epoch } = owned;
  const fence = () => requests.fence(at, namespace, color, { epoch, run: undefined });
  let { set, owner } = await fence();
  // A former owner that was frozen makes a set of its objects yet.
  if (owner !== false) return true;
  if (set?.complete === true && !counts(set, owned)) {
    await requests.forget({ at, namespace, color, epoch });
    ({ set, owner } = await fence());
  }
  return owner !== false || set?.complete === true;
}

/** Whether a complete set may have all acknowledged changes. */
function counts({ epoch, until = epoch }: CopySetState, { copiedTo, base }: Owned): boolean {
  const since = copiedTo ? copiedTo.epoch : base ? (base.since ?? base.epoch) : 0;
  return Math.max(epoch, until) >= since;
}
