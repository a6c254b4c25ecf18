import * as z from 'zod';
import type { Peer } from '../../../shared/objects/Locate.js';
import { homesReplySchema } from '../../../shared/objects/homesReply.js';
import { movedHeader } from '../../../shared/objects/moved.js';
import { ObjectError } from '../../../shared/objects/ObjectError.js';
import { objectPath } from '../../../shared/objects/objectPath.js';
import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';
import { colorKey } from './colorKey.js';
import { newlyOwned, nextEpoch, type CopySet, type Owned } from './ColorStates.js';
import type { CopySets } from './CopySets.js';
import { PeerError, type PeerClient } from './PeerClient.js';
import { Silences } from './Silences.js';

/** The limit for an invoker to hand over a color, in ms, and the shortest one after it has been silent. */
const HANDOVER_MS = 6000;
const SILENT_HANDOVER_MS = 500;
/** How often the invokers are asked again because one of them knows a higher epoch. */
const MAX_ROUNDS = 3;
/**
 * The silence of an invoker ends if it is not asked for so long, in ms. The home may have changed meanwhile, and back.
 * `Ownership.beat` asks every second.
 */
const SILENCE_GAP_MS = 5000;

const peersSchema = homesReplySchema.shape.homes;
const setSchema = z.object({ epoch: z.number(), complete: z.boolean() });
const handoverSchema = z.object({
  /** The asked invoker adopts the color itself. */
  busy: z.boolean(),
  /** It owns the color with an epoch that is not lower, and has not handed it over. */
  behind: z.boolean(),
  /** The highest epoch of the color that it knew before. */
  epoch: z.number(),
  /** The epoch of its ownership, if it was the owner until now. Missing: it was not, or may have lost it in silence. */
  ownedEpoch: z.number().optional(),
  /** Whether it has objects of the color. */
  objects: z.boolean(),
  /** Its set of copies. */
  set: setSchema.optional(),
  /** The invokers whose objects it counted, this one included, and the sets of copies of others. */
  formers: peersSchema,
  sets: z.array(setSchema.extend({ peer: peersSchema.element, lost: z.boolean().optional() })).max(64),
});
/** The reply of an invoker that hands a color over. */
export type Handover = z.infer<typeof handoverSchema>;

/** Another invoker adopts the color. */
export class AdoptedByOther extends Error {
  readonly by: Peer;
  constructor(by: Peer) {
    super(`invoker${by.instance} takes the color over`);
    this.by = by;
  }
}

export interface AdoptedColor {
  readonly namespace: ObjectNamespace;
  readonly color: string;
  readonly self: Peer;
  /** The other invokers that may own the color. */
  readonly candidates: readonly Peer[];
  /** How long one of them may go on without a reply of a controller, in ms. */
  readonly validMs: number;
  readonly policy: string | undefined;
  /** See `Contact`. */
  readonly lapses: number;
  /** The ownership that this invoker had before it lost the contact; undefined: none. */
  readonly lapsed: Owned | undefined;
}

export interface Adopted {
  readonly owned: Owned;
  /** This invoker's own objects of the color may be out of date: another owner has not counted them. */
  readonly outdated: boolean;
}

/** Takes colors over from the invokers that may own them. */
export class Adoption {
  readonly #peers: PeerClient;
  readonly #sets: CopySets;
  /** In ms; never decreases. */
  readonly #now: () => number;
  readonly #silences = new Silences(SILENCE_GAP_MS);

  constructor(peers: PeerClient, sets: CopySets, now: () => number) {
    this.#peers = peers;
    this.#sets = sets;
    this.#now = now;
  }

  /** Another invoker is the home of the color. @param key see `colorKey`. */
  endSilences(key: string): void {
    this.#silences.endAll(key);
  }

  /**
   * Asks all candidates to hand the color over.
   * @throws AdoptedByOther, ObjectError 503
   */
  async run(asked: AdoptedColor): Promise<Adopted> {
    const { namespace, color, self, candidates, policy, lapses, lapsed, validMs } = asked;
    const key = colorKey(namespace, color);
    const parts = new Gathered(self.instance);
    let known = Math.max(this.#sets.epoch(key), lapsed?.epoch ?? 0);
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const epoch = nextEpoch(known);
      const replies = await Promise.all(candidates.map((peer) => this.#ask(peer, asked, epoch)));
      const taken = replies.flatMap((reply) => (reply ? [reply] : []));
      parts.add(taken);
      const highest = Math.max(0, ...taken.map(({ reply }) => reply.epoch));
      if (highest >= epoch) {
        known = highest;
        continue;
      }
      this.#sets.raise(key, epoch);
      const owned = newlyOwned({ policy, epoch, lapses, validMs });
      if (lapsed) carryOver(lapsed, owned);
      const countsSelf = parts.into(owned);
      const excused = taken.length < candidates.length;
      return { owned, outdated: !countsSelf || (lapsed !== undefined && (excused || highest > lapsed.epoch)) };
    }
    throw new ObjectError(503, 'other invokers take the color over at the same time', { retryAfterS: 1 });
  }

  async #ask(
    peer: Peer,
    { namespace, color, self, validMs }: AdoptedColor,
    epoch: number,
  ): Promise<{ readonly peer: Peer; readonly reply: Handover } | undefined> {
    const query = new URLSearchParams({ to: movedHeader(self), epoch: String(epoch) });
    const path = `${objectPath(color)}?${query.toString()}`;
    const key = colorKey(namespace, color);
    const askedAt = this.#now();
    const since = this.#silences.since(key, peer.instance, askedAt);
    const restMs = since === undefined ? HANDOVER_MS : Math.max(SILENT_HANDOVER_MS, since + validMs - askedAt);
    const timeoutMs = Math.min(HANDOVER_MS, validMs, restMs);
    try {
      const answer = await this.#peers.ask(peer, { operation: 'handover', method: 'POST', path, namespace, timeoutMs });
      this.#silences.end(key, peer.instance);
      const reply = handoverSchema.parse(answer);
      if (reply.busy) throw new AdoptedByOther(peer);
      return { peer, reply };
    } catch (error) {
      if (error instanceof PeerError) this.#excuse(key, peer, error, askedAt, validMs);
      else throw error;
      return undefined;
    }
  }

  /**
   * An invoker that is dead has nothing to hand over. One that does not answer may still own the color until it has
   * got no reply of a controller for `validMs`. @throws ObjectError
   */
  #excuse(key: string, { instance }: Peer, { fault }: PeerError, askedAt: number, validMs: number): void {
    if (fault === 'dead') return;
    const now = this.#now();
    if (now - this.#silences.note(key, instance, askedAt, now) >= validMs) return;
    throw new ObjectError(503, `invoker${instance}, which may have its objects, does not answer`, { retryAfterS: 1 });
  }
}

/** What the owner until now has told. */
interface Owner {
  readonly peer: Peer;
  readonly epoch: number;
  readonly reply: Handover;
}

/** What the invokers have told in all rounds. */
class Gathered {
  readonly #self: number;
  readonly #formers = new Map<number, Peer>();
  readonly #told = new Map<number, CopySet>();
  readonly #own = new Map<number, CopySet | undefined>();
  #owner: Owner | undefined;

  constructor(self: number) {
    this.#self = self;
  }

  add(replies: readonly { readonly peer: Peer; readonly reply: Handover }[]): void {
    for (const { peer, reply } of replies) {
      if (reply.behind) continue;
      const { ownedEpoch: epoch } = reply;
      if (epoch !== undefined && epoch > (this.#owner?.epoch ?? 0)) this.#owner = { peer, epoch, reply };
      for (const former of reply.formers) this.#former(former);
      if (reply.objects) this.#former(peer);
      for (const { peer: holder, epoch, complete, lost } of reply.sets) {
        const set = { peer: holder, epoch, complete, ...(lost === true ? { lost } : {}) };
        if (epoch > (this.#told.get(holder.instance)?.epoch ?? 0)) this.#told.set(holder.instance, set);
      }
      this.#own.set(peer.instance, reply.set && { peer, ...reply.set });
    }
  }

  /** @returns whether the objects of the new owner itself count. */
  into(owned: Owned): boolean {
    const countsSelf = this.#formersInto(owned);
    for (const [instance, set] of this.#told) if (instance !== this.#self) owned.copies.set(instance, set);
    // An invoker knows its own set best.
    for (const [instance, set] of this.#own) {
      if (set) owned.copies.set(instance, set);
      else owned.copies.delete(instance);
    }
    return countsSelf;
  }

  /**
   * Objects of an invoker that the owner did not count are out of date: it took the invoker for dead, and served the
   * color without them. Without an owner, all objects count.
   */
  #formersInto({ formers }: Owned): boolean {
    if (!this.#owner) {
      for (const [instance, peer] of this.#formers) formers.set(instance, peer);
      return true;
    }
    const { peer, reply } = this.#owner;
    const counted = reply.objects ? [...reply.formers, peer] : reply.formers;
    formers.clear();
    for (const former of counted) if (former.instance !== this.#self) formers.set(former.instance, former);
    return counted.some(({ instance }) => instance === this.#self);
  }

  #former(peer: Peer): void {
    if (peer.instance !== this.#self) this.#formers.set(peer.instance, peer);
  }
}

/** What a lapsed ownership knew. */
function carryOver(lapsed: Owned, owned: Owned): void {
  for (const [instance, peer] of lapsed.formers) owned.formers.set(instance, peer);
  for (const [instance, set] of lapsed.copies) owned.copies.set(instance, set);
  if (lapsed.copiedTo) owned.copies.set(lapsed.copiedTo.peer.instance, lapsed.copiedTo);
}
