import { ObjectError } from '../../../shared/objects/ObjectError.js';
import type { ObjectList, ListRequest } from '../../../shared/objects/ObjectRequest.js';
import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';
import type { Peer } from '../../../shared/objects/Locate.js';
import type { CopySet, Owned } from './ColorStates.js';
import { listAt } from './listAt.js';
import { PeerError, type PeerClient } from './PeerClient.js';
import { Silences } from './Silences.js';

/** The part of a list that is asked for. */
type Asked = Pick<ListRequest, 'color' | 'prefix' | 'after' | 'limit'>;

/**
 * How long an invoker with copies is waited for that does not answer, in ms. It may be cut off, and have the only copy. It
 * may also have gone for ever, without a trace.
 */
const PATIENCE_MS = 600_000;
/** If the invoker is not asked for so long, in ms, the time begins anew: a few late answers, far apart, are not a silence. */
const GAP_MS = 30_000;
/** A controller misses an invoker so much later than a reply about homes ends, in ms, with a reserve. */
const LAG_MARGIN_MS = 3000;

/** Asks the invokers that hold the copies of a color for them. */
export class Holders {
  readonly #peers: PeerClient;
  readonly #now: () => number;
  readonly #onLost: (text: string, error: unknown) => void;
  /** By the address of the invoker, not by color: an answer about any color says that it is there. */
  readonly #silences = new Silences(GAP_MS);

  /** @param onLost called when an invoker is not waited for any more. */
  constructor(peers: PeerClient, now: () => number, onLost: (text: string, error: unknown) => void) {
    this.#peers = peers;
    this.#now = now;
    this.#onLost = onLost;
    peers.onAnswer(({ url, instance }) => this.#silences.end(url, instance));
  }

  /** The copies of a color in an invoker; undefined: they are lost. @throws ObjectError 503 */
  list(
    owned: Owned,
    peer: Peer,
    copies: ObjectNamespace,
    asked: Asked,
    timeoutMs?: number,
  ): Promise<ObjectList | undefined> {
    return this.ask(owned, peer, () => listAt(this.#peers, peer, copies, asked, timeoutMs));
  }

  /**
   * Asks an invoker with copies. One that is dead, or has been silent for `PATIENCE_MS`, has lost them.
   * @param request resolves to undefined if the invoker is dead; rejects with an `ObjectError` whose cause is a `PeerError` if it
   * does not answer.
   * @returns undefined: the copies are lost.
   * @throws ObjectError 503
   */
  async ask<T>(owned: Owned, peer: Peer, request: () => Promise<T | undefined>): Promise<T | undefined> {
    const { instance, url } = peer;
    const asked = setsAt(owned, peer);
    const askedAt = this.#now();
    try {
      const answer = await request();
      this.#silences.end(url, instance);
      if (answer === undefined) lose(owned, asked);
      return answer;
    } catch (error) {
      if (!(error instanceof ObjectError && error.cause instanceof PeerError)) throw error;
      const now = this.#now();
      if (now - this.#silences.note(url, instance, askedAt, now) < PATIENCE_MS) throw error;
      this.#onLost(`the copies of objects in invoker${instance} are lost`, error);
      lose(owned, asked);
      return undefined;
    }
  }
}

/** The sets of an invoker at an address. */
const setsAt = ({ copies, copiedTo }: Owned, { instance, url }: Peer): CopySet[] =>
  [copies.get(instance), copiedTo].flatMap((set) =>
    set?.peer.instance === instance && set.peer.url === url ? [set] : [],
  );

/** Sets are lost. One that the same invoker has got since is not: that one has started again, or has renamed its set. */
function lose(owned: Owned, sets: readonly CopySet[]): void {
  for (const { peer, epoch } of sets) {
    const isSame = (set: CopySet | undefined): set is CopySet =>
      set?.epoch === epoch && set.peer.instance === peer.instance && set.peer.url === peer.url;
    const set = owned.copies.get(peer.instance);
    if (isSame(set)) owned.copies.set(peer.instance, { ...set, lost: true });
    if (isSame(owned.copiedTo)) owned.copiedTo = { ...owned.copiedTo, lost: true };
  }
}

/**
 * An invoker that is reached at another address has started again: its set is lost. A controller that lags may name its former address
 * for as long as it takes to miss an invoker. So the set is lost only if all controllers have named the other address for longer.
 * @param peers as a controller names them now.
 * @param now in ms; never decreases.
 */
export function loseMoved(owned: Owned, peers: readonly Peer[], now: number): void {
  if (!owned.copiedTo && owned.copies.size === 0) return;
  for (const { instance, url } of peers) {
    const set = owned.copiedTo ?? owned.copies.get(instance);
    if (set?.peer.instance !== instance) continue;
    const named = owned.moved.get(instance);
    if (set.peer.url === url) owned.moved.delete(instance);
    else if (!named || now - named.latest > GAP_MS) owned.moved.set(instance, { since: now, latest: now });
    else {
      owned.moved.set(instance, { since: named.since, latest: now });
      if (now - named.since > owned.validMs + LAG_MARGIN_MS) lose(owned, setsAt(owned, set.peer));
    }
  }
}
