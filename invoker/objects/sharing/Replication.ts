import type { Peer } from '../../../shared/objects/Locate.js';
import { ObjectError } from '../../../shared/objects/ObjectError.js';
import type { ObjectAddress } from '../../../shared/objects/objectPath.js';
import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';
import type { ObjectMemory } from '../memory/ObjectMemory.js';
import type { StoredObject } from '../memory/StoredObject.js';
import { asOwner, unlessRenewed } from './asOwner.js';
import { hasAllChanges } from './baseSets.js';
import { colorKey } from './colorKey.js';
import { nextEpoch, type CopySet, type Owned, type RefusedSet } from './ColorStates.js';
import { CopyRefused, type Changed, type CopyRequests } from './CopyRequests.js';
import type { Holders } from './Holders.js';
import {
  beginAnotherSet,
  endFormerSet,
  endLateCopy,
  forgetLateCopies,
  hasLateCopy,
  noteLateCopy,
  returnToFormerSet,
} from './lateCopies.js';
import { pages } from './lists.js';
import { lostColor } from './lostColor.js';
import { doubtOfNoSet, safeHolders, type AskInvokers } from './noSet.js';
import { PeerError } from './PeerClient.js';
import { StaleSets } from './StaleSets.js';

export interface ReplicationParts {
  /** The number of this invoker. */
  readonly instance: number;
  readonly memory: ObjectMemory;
  readonly requests: CopyRequests;
  readonly holders: Pick<Holders, 'ask'>;
  readonly askInvokers: AskInvokers;
  /** In ms; never decreases. */
  readonly now: () => number;
  readonly owned: (namespace: ObjectNamespace, color: string) => Owned | undefined;
  /** The changes that are not safe yet: see `Safety`. */
  readonly changing: ChangingObjects;
}

/** The objects that are changing, by color (see `colorKey`) and key. */
export interface ChangingObjects {
  changingKeys(color: string): string[];
  /** As the set of copies has it. Undefined: the object is not changing. */
  toCopy(color: string, key: string): { readonly object: StoredObject | undefined } | undefined;
}

/** A change of a copy. */
export interface CopyChange {
  readonly namespace: ObjectNamespace;
  readonly address: ObjectAddress;
  /** Undefined: it was deleted. The set has no copy then, and none of an object with another persistence. */
  readonly object: StoredObject | undefined;
  /** Called right before a request that may change the copy. */
  readonly onSend: () => void;
  /** Called once the complete set has the change, before anything else happens. */
  readonly onCopied: () => void;
}

/** The next home does not take a set of copies, and a removed object could come back: another invoker may have a set. */
class MayComeBack extends CopyRefused {}

/** How often a change is made anew, if the set of copies moves or is lost meanwhile. */
const ATTEMPTS = 5;
/** For how long an invoker that had no memory for a set is not asked again for the removal of an object, in ms. */
const REFUSED_MS = 5000;

/**
 * Keeps the copies of replicated objects at a color's next home: see `CopySets.ts`. The owner has all replicated objects of the color in
 * its memory.
 */
export class Replication {
  readonly #parts: ReplicationParts;
  readonly #stale: StaleSets;
  readonly #requests: CopyRequests;

  constructor(parts: ReplicationParts) {
    this.#parts = parts;
    this.#requests = parts.requests;
    this.#stale = new StaleSets((set) => this.#requests.forget(set), parts.now);
  }

  /** See `StaleSets.tend`. */
  tend(): Promise<void> {
    return this.#stale.tend();
  }

  /** Makes the copy of an object like the object. To be called `asOwner`. @throws CopyRefused; ObjectError, PeerError */
  async change({ namespace, address, object, onSend, onCopied }: CopyChange, owned: Owned, next: Peer): Promise<void> {
    let to = next;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const set =
        object?.persistence === 'replicated'
          ? await this.ensure(namespace, address.color, owned, to)
          : await this.#ensureToRemove(namespace, address.color, owned, to, onCopied);
      if (!set) return;
      const { peer, epoch } = set;
      onSend();
      const wasLate = hasLateCopy(owned, address.key);
      noteLateCopy(owned, address.key);
      const request = (): Promise<Changed> =>
        object?.persistence === 'replicated'
          ? this.#requests.put(peer, namespace, address, object, epoch)
          : this.#requests.drop(peer, namespace, address, epoch);
      const changed = await unlessRenewed(owned, epoch, request).catch((error: unknown) => {
        if (error instanceof CopyRefused && !wasLate) endLateCopy(owned, address.key);
        // The request may arrive late, after a later change of the object: the set gets another epoch before that one, and refuses it.
        const isCurrent = owned.epoch === epoch && this.#parts.owned(namespace, address.color) === owned;
        if (isCurrent && error instanceof PeerError) owned.epoch++;
        if (owned.copiedTo === set) noteDeath(owned, set, error);
        throw error;
      });
      // A set that is made meanwhile may have the object before the change, and be complete although that has failed: only a set with a
      // later epoch replaces it for sure.
      if (changed?.complete === true && owned.copiedTo === set && owned.epoch === epoch && !owned.copying) {
        endLateCopy(owned, address.key);
        onCopied();
        return;
      }
      // The invoker has lost the set: it has started again.
      if (changed?.complete === false && owned.copiedTo === set) owned.copiedTo = { ...set, lost: true };
      [to = peer] = owned.others;
    }
    throw new ObjectError(503, `invoker${next.instance} loses the copies.`, { retryAfterS: 1 });
  }

  /**
   * Completes a set of copies at the next home: at `next`, or, if another set is under way, at the next home after that.
   * @throws ObjectError, PeerError
   */
  async ensure(namespace: ObjectNamespace, color: string, owned: Owned, next: Peer): Promise<CopySet> {
    let to = next;
    while (owned.copying) {
      const failure = await owned.copying;
      [to = to] = owned.others;
      // One attempt fails for all that wait for it. Otherwise each of them would make its own, one after the other.
      if (failure?.at.instance === to.instance) throw failure.error;
    }
    const { copiedTo } = owned;
    if (copiedTo && isCurrent(copiedTo, owned, to)) return copiedTo;
    return this.#copying(owned, to, () => this.#beginAtNext(namespace, color, owned, to));
  }

  /**
   * Like `ensure`, for a change that leaves no replicated object in its place. If the next home lacks memory for a set, the change goes to
   * another set that counts.
   * @param onRemoved called if there is none, and none can come: the change is safe then.
   * @returns undefined in that case.
   * @throws ObjectError, PeerError
   */
  async #ensureToRemove(
    namespace: ObjectNamespace,
    color: string,
    owned: Owned,
    next: Peer,
    onRemoved: () => void,
  ): Promise<CopySet | undefined> {
    const refusal = (): RefusedSet | undefined => {
      const { refused, copiedTo } = owned;
      return refused?.at.url === next.url && !(copiedTo && isAt(copiedTo, next)) ? refused : undefined;
    };
    if (this.#parts.now() >= (refusal()?.until ?? 0)) {
      try {
        return await this.ensure(namespace, color, owned, next);
      } catch (error) {
        if (!(error instanceof CopyRefused) || error instanceof MayComeBack) throw error;
      }
    }
    while (owned.copying) {
      const failure = await owned.copying;
      // As in `ensure`: it may have taken long, since an invoker does not answer.
      if (failure?.error instanceof MayComeBack) throw failure.error;
    }
    return this.#copying(owned, next, async () => {
      const refused = refusal();
      // Another set is complete meanwhile, or has failed for another reason.
      if (!refused) return this.#beginAtNext(namespace, color, owned, next);
      for (const holder of safeHolders(owned)) {
        if (holder.instance === next.instance) continue;
        const { copiedTo } = owned;
        if (copiedTo && isCurrent(copiedTo, owned, holder)) return copiedTo;
        try {
          return await this.#begin(namespace, color, owned, holder);
        } catch (error) {
          // One that is silent is asked again below, until it counts as lost.
          if (!(error instanceof CopyRefused || error instanceof PeerError)) throw error;
          if (copiedTo && owned.copiedTo === copiedTo) noteDeath(owned, copiedTo, error);
        }
      }
      // The next owner may have this epoch already.
      this.#requireOwned(namespace, color, owned);
      owned.epoch++;
      const { epoch } = owned;
      const doubt = await doubtOfNoSet(this.#parts, owned);
      this.#requireOwned(namespace, color, owned);
      if (doubt !== undefined) {
        const { error } = refused;
        const text = `${error.message} No object can be removed without a copy there: ${doubt}.`;
        throw new MayComeBack(503, text, { retryAfterS: 5, cause: error });
      }
      owned.copiedTo = { peer: next, epoch, complete: true, lost: true };
      owned.copies.clear();
      owned.mayHold.clear();
      owned.allAsked = true;
      forgetLateCopies(owned);
      // No set may be begun before: it would get the object.
      onRemoved();
      return undefined;
    });
  }

  /** Runs the copying of a set, or what no set may be begun during. No other copying may be under way. */
  async #copying<T>(owned: Owned, at: Peer, task: () => Promise<T>): Promise<T> {
    const { copiedTo } = owned;
    const copying = asOwner(owned, task);
    owned.copying = copying.then(
      () => undefined,
      (error: unknown) => {
        if (copiedTo && owned.copiedTo === copiedTo && isAt(copiedTo, at)) noteDeath(owned, copiedTo, error);
        return { at, error };
      },
    );
    try {
      return await copying;
    } finally {
      owned.copying = undefined;
    }
  }

  async #beginAtNext(namespace: ObjectNamespace, color: string, owned: Owned, next: Peer): Promise<CopySet> {
    owned.refused = undefined;
    try {
      return await this.#begin(namespace, color, owned, next);
    } catch (error) {
      const until = this.#parts.now() + REFUSED_MS;
      if (error instanceof CopyRefused) owned.refused = { at: next, error, until };
      throw error;
    }
  }

  /**
   * Asks the next home whether it still has the complete set of this ownership, and completes another one if it has not: it has
   * started again so fast that the controllers did not notice it. @throws ObjectError, PeerError
   */
  async check(namespace: ObjectNamespace, color: string, owned: Owned, next: Peer): Promise<void> {
    const { copiedTo } = owned;
    if (!copiedTo || !isAt(copiedTo, next)) return;
    const { epoch } = copiedTo;
    const ask = (): Promise<boolean> =>
      this.#requests.complete(next, namespace, color, { epoch, from: epoch, policy: owned.policy });
    const completed = await asOwner(owned, () => unlessRenewed(owned, epoch, ask));
    // Another set is complete meanwhile.
    if (owned.copiedTo !== copiedTo) return;
    this.#requireOwned(namespace, color, owned);
    if (completed === false) owned.copiedTo = { ...copiedTo, lost: true };
    // A set with another epoch is aligned. Otherwise each change of the color would go to the next home for ever.
    else if (owned.lateCopies === 'many' && owned.epoch === epoch) owned.epoch++;
    await this.ensure(namespace, color, owned, next);
  }

  async #begin(namespace: ObjectNamespace, color: string, owned: Owned, next: Peer): Promise<CopySet> {
    // A change may have waited for the set before, while the color was given away: its set must not get a higher epoch.
    this.#requireOwned(namespace, color, owned);
    const former = safeSet(owned, next);
    // A higher epoch than necessary could hide that another invoker takes the color over.
    owned.epoch = former && former === owned.copiedTo ? owned.epoch + 1 : nextEpoch(owned.epoch);
    const { epoch, policy } = owned;
    owned.mayHold.set(next.instance, next);
    const set: CopySet = { peer: next, epoch, complete: true };
    // Until it is like this memory, the set may have what was changed here since: it must not be the newest one.
    const aligns = former !== undefined && !isEqual(former, owned);
    const rename = async (isLike: boolean): Promise<boolean> =>
      former !== undefined &&
      this.#requests.complete(next, namespace, color, { epoch, from: former.epoch, aligns: !isLike, policy });
    const isThere = await rename(!aligns);
    // The invoker has lost it: it has started again.
    if (!isThere && former && owned.copiedTo === former) owned.copiedTo = { ...former, lost: true };
    try {
      if (!isThere || owned.lateCopies === 'many' || aligns) {
        owned.begunAt.set(next.instance, next);
        beginAnotherSet(owned);
        await (isThere ? this.#align(namespace, color, owned, set) : this.#copyAll(namespace, color, owned, set));
        if (isThere && aligns && !(await rename(true))) throw startedAgain(next);
      }
      this.#requireOwned(namespace, color, owned);
    } catch (error) {
      returnToFormerSet(owned);
      throw error;
    }
    // By address: an invoker that has started again may have another address, at which a set was begun since.
    const stale = new Map([...owned.begunAt.values()].map((peer) => [peer.url, peer]));
    for (const { peer, lost } of [...owned.copies.values(), ...(owned.copiedTo ? [owned.copiedTo] : [])]) {
      if (lost !== true) stale.set(peer.url, peer);
      if (!owned.mayHold.has(peer.instance)) owned.mayHold.set(peer.instance, peer);
    }
    for (const { url, instance } of stale.values()) if (instance === next.instance) stale.delete(url);
    owned.copiedTo = set;
    endFormerSet(owned);
    owned.copies.clear();
    owned.begunAt.clear();
    await Promise.all(
      [...stale.values()].map(async (at) => {
        const set = { at, namespace, color, epoch };
        if (!(await this.#requests.forget(set))) this.#stale.add(set);
      }),
    );
    return set;
  }

  /** Fills a new set, and completes it. @throws ObjectError, PeerError */
  async #copyAll(namespace: ObjectNamespace, color: string, owned: Owned, { peer, epoch }: CopySet): Promise<void> {
    let copied = 0;
    for (const [key, object] of this.#copies(namespace, color)) {
      const { begun } = await this.#requests.put(peer, namespace, { color, key }, object, epoch);
      this.#requireOwned(namespace, color, owned);
      // It has lost the objects before.
      if (begun === true && copied > 0) throw startedAgain(peer);
      copied++;
    }
    if (await this.#requests.complete(peer, namespace, color, { epoch, begun: copied > 0, policy: owned.policy }))
      return;
    throw startedAgain(peer);
  }

  /**
   * Makes a complete set equal to this memory. It differs in changes that were taken back. The set stays complete: no other invoker may
   * have these objects. @throws ObjectError, PeerError
   */
  async #align(namespace: ObjectNamespace, color: string, owned: Owned, { peer, epoch }: CopySet): Promise<void> {
    const tags = new Map<string, string>();
    for await (const list of pages((after) => this.#requests.list(peer, namespace, color, after))) {
      for (const { key, etag } of list.objects) tags.set(key, etag);
    }
    const change = async (request: () => Promise<Changed>): Promise<void> => {
      this.#requireOwned(namespace, color, owned);
      if (!(await request()).complete) throw startedAgain(peer);
    };
    const kept = new Set<string>();
    for (const [key] of this.#copies(namespace, color)) kept.add(key);
    // These first: the invoker may need their memory for the others.
    for (const key of tags.keys()) {
      if (!kept.has(key)) await change(() => this.#requests.drop(peer, namespace, { color, key }, epoch));
    }
    for (const [key, object] of this.#copies(namespace, color)) {
      if (tags.get(key) === object.etag) continue;
      await change(() => this.#requests.put(peer, namespace, { color, key }, object, epoch));
    }
  }

  /**
   * The objects of a new set: all replicated ones. Of an object that is changing, the set gets the version that the former set has: the
   * change waits for the new one.
   */
  *#copies(namespace: ObjectNamespace, color: string): Generator<[string, StoredObject]> {
    const { memory, now, changing } = this.#parts;
    const place = colorKey(namespace, color);
    // An object that is being deleted is not in the memory. One that becomes a replicated one later waits for the new set.
    for (const key of new Set([...changing.changingKeys(place), ...memory.keptKeys(namespace, color)])) {
      const change = changing.toCopy(place, key);
      const object = change ? change.object : memory.peek(namespace, { color, key }, now());
      if (object?.persistence === 'replicated') yield [key, object];
    }
  }

  #requireOwned(namespace: ObjectNamespace, color: string, owned: Owned): void {
    if (this.#parts.owned(namespace, color) !== owned) throw lostColor();
  }
}

/** If the invoker with the complete set is dead, the set has ended with it. */
function noteDeath(owned: Owned, set: CopySet, error: unknown): void {
  if (error instanceof PeerError && error.fault === 'dead') owned.copiedTo = { ...set, lost: true };
}

/** Whether a set is at an invoker, and not lost. */
const isAt = ({ peer, lost }: CopySet, { instance, url }: Peer): boolean =>
  peer.instance === instance && peer.url === url && lost !== true;

/**
 * Whether a set at an invoker can be changed as it is. If another set has begun since and failed, its invoker may have completed it: this
 * one needs a higher epoch before it changes.
 */
const isCurrent = (set: CopySet, { epoch }: Owned, at: Peer): boolean => set.epoch === epoch && isAt(set, at);

/** The complete set of an invoker that has all acknowledged changes; undefined: it has none. */
function safeSet({ copiedTo, copies, base }: Owned, next: Peer): CopySet | undefined {
  if (copiedTo) return isAt(copiedTo, next) ? copiedTo : undefined;
  const set = copies.get(next.instance);
  return set && hasAllChanges(set, base) && isAt(set, next) ? set : undefined;
}

/** Whether a set has the objects that the owner took over, or copied. */
const isEqual = (set: CopySet, { copiedTo, base }: Owned): boolean =>
  set === copiedTo || (set.epoch === base?.epoch && set.unsure !== true && base.unsure !== true);

const startedAgain = ({ instance }: Peer): ObjectError =>
  new ObjectError(503, `invoker${instance} has started again.`, { retryAfterS: 1 });
