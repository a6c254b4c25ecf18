import type { Peer } from '../../../shared/objects/Locate.js';
import { ObjectError } from '../../../shared/objects/ObjectError.js';
import type { ObjectAddress } from '../../../shared/objects/objectPath.js';
import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';
import type { ObjectMemory } from '../memory/ObjectMemory.js';
import type { StoredObject } from '../memory/StoredObject.js';
import { colorKey } from './colorKey.js';
import { nextEpoch, type CopySet, type Owned } from './ColorStates.js';
import { copiesOf } from './copies.js';
import type { CopySets } from './CopySets.js';
import { CopyRequests, type Changed } from './CopyRequests.js';
import { currentSets, type SetAt } from './currentSets.js';
import { endLateCopies, endLateCopy, noteLateCopy } from './lateCopies.js';
import type { Holders } from './Holders.js';
import { lostColor } from './lostColor.js';
import { asOwner, unlessRenewed } from './asOwner.js';
import { PeerError, type PeerClient } from './PeerClient.js';
import { StaleSets } from './StaleSets.js';

export interface ReplicationParts {
  readonly memory: ObjectMemory;
  readonly peers: PeerClient;
  readonly sets: CopySets;
  readonly holders: Holders;
  /** In ms; never decreases. */
  readonly now: () => number;
  readonly owned: (namespace: ObjectNamespace, color: string) => Owned | undefined;
  /**
   * Gets an object into this memory if another invoker has it, without waiting for changes of it that are under way.
   * @returns whether the object exists nowhere, or is being deleted.
   */
  readonly fetch: (namespace: ObjectNamespace, address: ObjectAddress) => Promise<boolean>;
  /** See `Safety.replaces`. */
  readonly replaces: (namespace: ObjectNamespace, address: ObjectAddress) => boolean;
}

/** Keeps the copies of replicated objects at a color's next home: see `CopySets.ts`. */
export class Replication {
  readonly #parts: ReplicationParts;
  readonly #stale: StaleSets;
  readonly #requests: CopyRequests;

  constructor(parts: ReplicationParts) {
    this.#parts = parts;
    this.#requests = new CopyRequests(parts.peers, parts.now);
    this.#stale = new StaleSets((set) => this.#requests.forget(set), parts.now);
  }

  /** See `StaleSets.tend`. */
  tend(): Promise<void> {
    return this.#stale.tend();
  }

  /** Makes the copy of a replicated object like the object. To be called `asOwner`. @throws ObjectError, PeerError */
  async change(
    namespace: ObjectNamespace,
    address: ObjectAddress,
    object: StoredObject | undefined,
    owned: Owned,
    next: Peer,
  ): Promise<void> {
    let to = next;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const set = await this.ensure(namespace, address.color, owned, to);
      const { peer, epoch } = set;
      const request = (): Promise<Changed> =>
        object?.persistence === 'replicated'
          ? this.#requests.put(peer, namespace, address, object, epoch)
          : this.#requests.drop(peer, namespace, address, epoch);
      const changed = await unlessRenewed(owned, epoch, request).catch((error: unknown) => {
        // The request may arrive late, after a later change of the object: the set gets another epoch before that one, and refuses it.
        if (error instanceof PeerError) noteLateCopy(owned, address.key);
        const isCurrent = owned.epoch === epoch && this.#parts.owned(namespace, address.color) === owned;
        if (isCurrent && error instanceof PeerError) owned.epoch++;
        throw error;
      });
      // Another set that is made meanwhile may lack the object, if this memory has evicted it since.
      if (changed?.complete === true && owned.copiedTo === set && !owned.copying) {
        endLateCopy(owned, address.key);
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
    // If another set has begun since and failed, its invoker may have completed it: this one needs a higher epoch before it changes.
    const isCurrent = copiedTo?.epoch === owned.epoch && copiedTo.lost !== true;
    if (isCurrent && copiedTo.peer.instance === to.instance) return copiedTo;
    const copying = asOwner(owned, () => this.#begin(namespace, color, owned, to));
    owned.copying = copying.then(
      () => undefined,
      (error: unknown) => ({ at: to, error }),
    );
    try {
      return await copying;
    } finally {
      owned.copying = undefined;
    }
  }

  /**
   * Asks the next home whether it still has the complete set of this ownership, and completes another one if it has not: it has
   * started again so fast that the controllers did not notice it. @throws ObjectError, PeerError
   */
  async check(namespace: ObjectNamespace, color: string, owned: Owned, next: Peer): Promise<void> {
    const { copiedTo } = owned;
    if (copiedTo?.peer.instance !== next.instance || copiedTo.lost === true) return;
    const { epoch } = copiedTo;
    const ask = (): Promise<boolean> => this.#requests.complete(next, namespace, color, { epoch, from: epoch });
    const completed = await asOwner(owned, () => unlessRenewed(owned, epoch, ask));
    // Another set is complete meanwhile.
    if (owned.copiedTo !== copiedTo) return;
    if (completed === false) owned.copiedTo = { ...copiedTo, lost: true };
    const set = await this.ensure(namespace, color, owned, next);
    if (owned.wholeAt === undefined) await this.#fill(namespace, color, owned, set);
  }

  /**
   * Gets all objects that only copies have into this memory. Some may be evicted again: see `Owned.wholeAt`.
   * @throws ObjectError 503
   */
  async gather(namespace: ObjectNamespace, color: string, owned: Owned): Promise<void> {
    const { evictions, copiedTo } = owned;
    for await (const key of this.#keys(namespace, color, owned)) await this.#parts.fetch(namespace, { color, key });
    // Otherwise the listed copies may have been forgotten meanwhile.
    if (owned.copiedTo?.epoch === copiedTo?.epoch) owned.wholeAt = evictions;
  }

  /**
   * Gets all objects that only copies have into this memory, where they stay.
   * @param releases gets the functions that end this.
   * @throws ObjectError 503
   */
  async #hold(namespace: ObjectNamespace, color: string, owned: Owned, releases: (() => void)[]): Promise<void> {
    for await (const key of this.#keys(namespace, color, owned)) {
      const object = await this.#fetched(namespace, { color, key });
      const release = object && this.#parts.memory.hold(namespace, { color, key }, object);
      if (release) releases.push(release);
    }
  }

  /** Like `gather`, as long as there is room: an owner that has all objects does not depend on the invoker with the copies. */
  async #fill(namespace: ObjectNamespace, color: string, owned: Owned, set: CopySet): Promise<void> {
    const { memory, fetch } = this.#parts;
    const [{ evictions }, before] = [owned, memory.evictions];
    owned.wholeAt = -1;
    try {
      for await (const key of this.#keys(namespace, color, owned)) {
        await fetch(namespace, { color, key });
        if (memory.evictions !== before) return;
      }
    } catch (error) {
      // The next check tries it again.
      owned.wholeAt = undefined;
      throw error;
    }
    // Otherwise the listed copies may have been forgotten meanwhile.
    if (owned.copiedTo === set && !owned.copying) owned.wholeAt = evictions;
  }

  #current(namespace: ObjectNamespace, color: string, owned: Owned): SetAt[] {
    return currentSets(owned, this.#parts.sets.get(colorKey(namespace, color)));
  }

  async #begin(namespace: ObjectNamespace, color: string, owned: Owned, next: Peer): Promise<CopySet> {
    const { sets } = this.#parts;
    // A change may have waited for the set before, while the color was given away: its set must not get a higher epoch.
    if (this.#parts.owned(namespace, color) !== owned) throw lostColor();
    const current = this.#current(namespace, color, owned);
    const former = current.find(({ complete, peer }) => complete && peer?.instance === next.instance);
    const ofThis = former !== undefined && former === owned.copiedTo;
    // A higher epoch than necessary could hide that another invoker takes the color over.
    owned.epoch = ofThis ? owned.epoch + 1 : nextEpoch(owned.epoch);
    const { epoch } = owned;
    const renamed = former && (await this.#requests.complete(next, namespace, color, { epoch, from: former.epoch }));
    const set: CopySet = { peer: next, epoch, complete: true };
    if (renamed === true) {
      await this.#copyLater(namespace, color, owned, set, later(current, former));
    } else {
      const releases: (() => void)[] = [];
      owned.begunAt.set(next.instance, next);
      try {
        // The first copy with the epoch removes all that the next home has.
        if (current.some(({ peer }) => peer?.instance === next.instance))
          await this.#hold(namespace, color, owned, releases);
        const begun = await this.#copyAll(namespace, color, owned, set);
        if (!(await this.#requests.complete(next, namespace, color, { epoch, begun }))) throw startedAgain(next);
      } finally {
        for (const release of releases) release();
      }
    }
    if (this.#parts.owned(namespace, color) !== owned) throw lostColor();
    const stale = new Map(owned.begunAt);
    for (const { peer, lost } of [...owned.copies.values(), ...(owned.copiedTo ? [owned.copiedTo] : [])]) {
      if (lost !== true) stale.set(peer.instance, peer);
    }
    stale.delete(next.instance);
    owned.copiedTo = set;
    if (renamed !== true) endLateCopies(owned);
    owned.copies.clear();
    owned.begunAt.clear();
    sets.forget(namespace, color, epoch);
    await Promise.all(
      [...stale.values()].map(async (at) => {
        const set = { at, namespace, color, epoch };
        if (!(await this.#requests.forget(set))) this.#stale.add(set);
      }),
    );
    return set;
  }

  /** Copies the objects of later incomplete sets into a set that was renamed: they may have been read. @throws ObjectError, PeerError */
  async #copyLater(
    namespace: ObjectNamespace,
    color: string,
    owned: Owned,
    { peer, epoch }: CopySet,
    later: readonly SetAt[],
  ): Promise<void> {
    for await (const key of this.#keys(namespace, color, owned, later)) {
      const address = { color, key };
      const object = await this.#fetched(namespace, address);
      if (this.#parts.owned(namespace, color) !== owned) throw lostColor();
      if (!object || !this.#isCopied(namespace, address, object)) continue;
      const { complete } = await this.#requests.put(peer, namespace, address, object, epoch);
      if (!complete) throw startedAgain(peer);
    }
  }

  /**
   * Whether a set of copies has to have an object. A change that is not safe yet may be taken back when the former copies are gone. So the
   * set has the object of the change instead of the version before it; once the change is safe, it removes that copy.
   */
  #isCopied(
    namespace: ObjectNamespace,
    address: ObjectAddress,
    { persistence }: Pick<StoredObject, 'persistence'>,
  ): boolean {
    return persistence === 'replicated' || this.#parts.replaces(namespace, address);
  }

  /** @returns whether there was any object to copy. @throws ObjectError, PeerError */
  async #copyAll(namespace: ObjectNamespace, color: string, owned: Owned, { peer, epoch }: CopySet): Promise<boolean> {
    const { memory, now } = this.#parts;
    const copied = new Set<string>();
    const { evictions } = owned;
    const skipped: Peer[] = [];
    const copy = async (key: string, object: StoredObject | undefined): Promise<void> => {
      if (this.#parts.owned(namespace, color) !== owned) throw lostColor();
      if (!object || !this.#isCopied(namespace, { color, key }, object)) return;
      const { begun } = await this.#requests.put(peer, namespace, { color, key }, object, epoch);
      // It has lost the objects before.
      if (begun === true && copied.size > 0) throw startedAgain(peer);
      copied.add(key);
    };
    for await (const key of this.#keys(namespace, color, owned, this.#current(namespace, color, owned), skipped)) {
      await copy(key, await this.#fetched(namespace, { color, key }));
    }
    for (let after: string | undefined, more = true; more;) {
      const list = memory.list(namespace, { color, prefix: '', after, limit: PAGE }, now());
      for (const { key, persistence } of list.objects) {
        if (copied.has(key) || !this.#isCopied(namespace, { color, key }, { persistence })) continue;
        // It may be evicted while others are copied: then another set has it, or a change that waits for this one.
        await copy(key, await this.#fetched(namespace, { color, key }));
      }
      ({ more } = list);
      after = list.objects.at(-1)?.key;
    }
    // An object that only the skipped invoker has now may be missing.
    if (skipped.length > 0 && owned.evictions !== evictions) throw noMemory();
    owned.wholeAt = evictions;
    return copied.size > 0;
  }

  /** An object of which there was a copy; undefined: it exists nowhere, or is being deleted. @throws ObjectError 503 */
  async #fetched(namespace: ObjectNamespace, address: ObjectAddress): Promise<StoredObject | undefined> {
    const { memory, now } = this.#parts;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const isGone = await this.#parts.fetch(namespace, address);
      const object = memory.peek(namespace, address, now());
      if (object || isGone) return object;
    }
    throw noMemory();
  }

  /**
   * The keys of sets of copies. While this memory has all replicated objects, a holder that does not answer and is not up by the
   * controllers is not waited for.
   * @param sets missing: all current ones.
   * @param skipped gets those holders.
   */
  async *#keys(
    namespace: ObjectNamespace,
    color: string,
    owned: Owned,
    sets: readonly SetAt[] = this.#current(namespace, color, owned),
    skipped: Peer[] = [],
  ): AsyncGenerator<string> {
    const { memory, now, holders } = this.#parts;
    const space = copiesOf(namespace);
    for (const set of sets) {
      const { peer } = set;
      for (let after: string | undefined, more = true; more;) {
        const asked = { color, prefix: '', after, limit: PAGE };
        const list = peer
          ? await holders.list(owned, peer, space, asked, LIST_MS).catch((error: unknown) => {
              const isUp = owned.others.some(({ instance }) => instance === peer.instance);
              if (set !== owned.copiedTo || owned.wholeAt !== owned.evictions || isUp) throw error;
              skipped.push(peer);
              return undefined;
            })
          : memory.list(space, asked, now());
        for (const { key } of list?.objects ?? []) yield key;
        more = list?.more ?? false;
        after = list?.objects.at(-1)?.key;
      }
    }
  }
}

/** The incomplete sets that are later than a complete one. */
const later = (current: readonly SetAt[], complete: SetAt | undefined): SetAt[] =>
  current.filter(({ epoch }) => epoch > (complete?.epoch ?? 0));

const noMemory = (): ObjectError =>
  new ObjectError(503, 'This invoker has no memory to copy the replicated objects now.', { retryAfterS: 1 });

const startedAgain = ({ instance }: Peer): ObjectError =>
  new ObjectError(503, `invoker${instance} has lost objects while others were copied to it.`, { retryAfterS: 1 });

const PAGE = 1000;
/** How often a change of a copy is sent, if its set is replaced meanwhile, and an object is fetched that is evicted again. */
const ATTEMPTS = 5;
/** The limit for an invoker to list its copies, in ms. */
const LIST_MS = 2000;
