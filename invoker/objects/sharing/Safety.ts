import { ObjectError } from '../../../shared/objects/ObjectError.js';
import type { ObjectAddress } from '../../../shared/objects/objectPath.js';
import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';
import { within } from '../../../shared/process/within.js';
import type { ObjectMemory } from '../memory/ObjectMemory.js';
import type { StoredObject } from '../memory/StoredObject.js';
import { asOwner } from './asOwner.js';
import { colorKey } from './colorKey.js';
import type { Owned } from './ColorStates.js';
import { copiesOf } from './copies.js';
import { CopyRefused } from './CopyRequests.js';
import { mayGetLost, nothingChanged } from './failedChanges.js';
import { hasLateCopy, noteLateCopy } from './lateCopies.js';
import { lostColor } from './lostColor.js';
import type { ObjectStore } from './ObjectStore.js';
import type { Recovery } from './Recovery.js';
import type { ChangingObjects, Replication } from './Replication.js';
import type { Prepared } from '../server/searches.js';
import type { StoredKeyLists } from './StoredKeyLists.js';

/*
 * A change of an object, from the memory's point of view. Other operations on the object wait until it is safe or taken back.
 *
 *   from     to          when
 *   made     safe        all places that the persistence promises have it, and the other ones do not have the object before it
 *   made     taken back  one of them fails, or this invoker may have lost the color: the object before it is in the memory again
 *   made     failed      it replaces a stored object by a replicated one, whose copy is made, and the store fails: it stays
 *
 * A change that was taken back may be in one of the places, or get there late. Its caller knows that (502). So it may come into effect at
 * a later time, but not after the next change of the object, which replaces it in all places (`lateCopies.ts`, `StoredKeyLists.ts`).
 */

export interface SafetyParts {
  readonly memory: ObjectMemory;
  readonly replication: Pick<Replication, 'change'>;
  readonly recovery: Pick<Recovery, 'dropEarlier'>;
  readonly store: ObjectStore | undefined;
  readonly storedKeys: StoredKeyLists;
  /** In ms; never decreases. */
  readonly now: () => number;
  readonly owned: (namespace: ObjectNamespace, color: string) => Owned | undefined;
  /** Whether an ownership was not lost in silence. One that is being handed over may finish its changes. */
  readonly held: (owned: Owned) => boolean;
}

/** A change that is in memory. */
export interface Change {
  readonly namespace: ObjectNamespace;
  readonly address: ObjectAddress;
  /** The object after the change; undefined: it was deleted. */
  readonly object: StoredObject | undefined;
  readonly before: StoredObject | undefined;
}

interface UnsafeChange extends Change {
  readonly progress: Progress;
  /** Whether it became safe. Never rejects. */
  readonly done: Promise<boolean>;
}

/** How far a change has come. */
interface Progress {
  /** A place may have it, or may get it late. */
  mayBeElsewhere: boolean;
  /** The set of copies has it. */
  copied: boolean;
  /** The store may have it or get it late, and what it replaces is still at its place. */
  addedToStore: boolean;
}

/** The most keys to remember instead of asking the store. */
const MAX_HIDDEN = 1000;
export const NO_STORE = 'This installation has no store for objects.';
export const NO_SECOND = 'No second invoker is there to keep the replicated object.';

/**
 * Makes changes as safe as their objects' persistence promises, or takes them back. Until then, other operations on the object wait:
 * nobody reads a value that may vanish with this invoker.
 */
export class Safety implements ChangingObjects {
  readonly #parts: SafetyParts;
  /** What operations on an object wait for, by its place. */
  readonly #busy = new Map<string, Promise<Prepared>>();
  /** The changes that are neither safe nor taken back, by color and key. As many as there are requests. */
  readonly #unsafe = new Map<string, Map<string, UnsafeChange>>();

  constructor(parts: SafetyParts) {
    this.#parts = parts;
  }

  /** What to wait for before an operation; undefined: nothing. Rejects with an `ObjectError` if a search for the object fails. */
  busy(namespace: ObjectNamespace, address: ObjectAddress): Promise<Prepared> | undefined {
    return this.#busy.get(placeOf(namespace, address));
  }

  /**
   * Waits for the changes of a color's objects that are under way.
   * @param color see `colorKey`.
   * @param isListed whether an object with this key is asked for.
   * @returns whether all of them became safe.
   */
  async allSafe(color: string, isListed: (key: string) => boolean): Promise<boolean> {
    const changes = this.#of(color).filter(({ address }) => isListed(address.key));
    const outcomes = await Promise.all(changes.map(({ done }) => done));
    return outcomes.every(Boolean);
  }

  /** Runs a task on an object while other operations on it wait. No other task on it may be under way. */
  alone(namespace: ObjectNamespace, address: ObjectAddress, task: () => Promise<Prepared>): Promise<Prepared> {
    const place = placeOf(namespace, address);
    const done = task().finally(() => {
      if (this.#busy.get(place) === done) this.#busy.delete(place);
    });
    this.#busy.set(place, done);
    return done;
  }

  /** The keys of a color's objects that are changing. @param color see `colorKey`. */
  changingKeys(color: string): string[] {
    return [...(this.#unsafe.get(color)?.keys() ?? [])];
  }

  /**
   * An object that is changing, as the set of copies has it.
   * @param color see `colorKey`.
   * @returns undefined: the object is not changing.
   */
  toCopy(color: string, key: string): { readonly object: StoredObject | undefined } | undefined {
    const change = this.#unsafe.get(color)?.get(key);
    return change && { object: change.progress.copied ? change.object : change.before };
  }

  /**
   * Waits for the changes and the searches of a color that are under way.
   * @param color see `colorKey`.
   * @throws ObjectError 503 after `limitMs`
   */
  async quiet(color: string, limitMs: number): Promise<void> {
    const prefix = `${color}\n`;
    const running = [...this.#busy].flatMap(([place, done]) => (place.startsWith(prefix) ? [done] : []));
    await within(Promise.allSettled(running), limitMs, () => {
      throw new ObjectError(503, 'Changes of the color are under way.', { retryAfterS: 1 });
    });
  }

  /**
   * Takes the changes of a color back that are under way. They may be in all their places already.
   * @param color see `colorKey`.
   * @returns whether there were any.
   */
  takeBack(color: string): boolean {
    const changes = this.#of(color);
    for (const change of changes) this.#takeBack(change);
    return changes.length > 0;
  }

  /**
   * Makes a change safe.
   * @returns undefined: it is safe. Rejects with an `ObjectError`: 503 if nothing has changed, 502 if the change may be somewhere.
   */
  settle(change: Change): Promise<void> | undefined {
    const [now, before] = [change.object?.persistence ?? 'memory', change.before?.persistence ?? 'memory'];
    this.#noteEnded(change);
    if (now === 'memory' && before === 'memory' && !this.#isElsewhere(change)) return undefined;
    const { namespace, address } = change;
    const progress: Progress = { mayBeElsewhere: false, copied: false, addedToStore: false };
    const made = this.#makeSafe(change, progress);
    this.#add({ ...change, progress, done: made.then(yes, no) });
    void this.alone(namespace, address, () => made.then(over, over));
    return made;
  }

  async #makeSafe(change: Change, progress: Progress): Promise<void> {
    const { namespace, address, object, before } = change;
    const { memory } = this.#parts;
    // Its bytes are in use. And who waits for the change finds the object here.
    const release = object && memory.hold(namespace, address, object);
    const forget = before && memory.retain(namespace, address, before);
    const owned = this.#parts.owned(namespace, address.color);
    try {
      // Otherwise the change would be over before it is known as an unsafe one.
      await Promise.resolve();
      if (!owned) throw lostColor();
      await asOwner(owned, () => this.#place(change, owned, progress));
      // An owner that was frozen meanwhile must not acknowledge it, and neither must one whose change was taken back.
      this.#requireHeld(owned);
      if (!this.#isUnsafe(change)) throw lostColor();
      this.#remove(change);
    } catch (error) {
      const stays = owned !== undefined && this.#isUnsafe(change) && this.#mayStay(change, owned, progress);
      if (stays) this.#remove(change);
      else if (this.#isUnsafe(change)) this.#takeBack(change);
      if (owned && progress.copied && !stays) noteLateCopy(owned, address.key);
      if (owned && progress.addedToStore) this.#removeAdded(change, owned);
      throw progress.mayBeElsewhere ? mayGetLost(error) : nothingChanged(error);
    } finally {
      release?.();
      forget?.();
    }
  }

  /**
   * Whether a change that failed stays: the copy is made, and the store may have removed the stored object before, or may do it late. That
   * one could be evicted here, and would be nowhere then.
   */
  #mayStay({ address: { key }, object, before }: Change, owned: Owned, { copied }: Progress): boolean {
    if (!copied || object?.persistence !== 'replicated' || before?.persistence !== 'stored') return false;
    if (owned.retired || owned.doubted || !this.#parts.held(owned)) return false;
    // What the store still has must not come back at the end of a TTL.
    if (owned.hidden.size < MAX_HIDDEN) owned.hidden.add(key);
    return object.expiresAt === undefined || owned.hidden.has(key);
  }

  #takeBack(change: Change): void {
    const { memory, now } = this.#parts;
    const { namespace, address, object, before } = change;
    this.#remove(change);
    const time = now();
    const here = memory.peek(namespace, address, time);
    // It may be gone with its color, or its time may be over.
    if (here === object || (!here && object && isOver(object, time))) memory.restore(namespace, address, before, time);
  }

  /**
   * Takes a change back in the store, which executes this after the write, even if it executes that late. A later owner may not know of
   * the write: its object would come back at the next one. One that has read or written the object since keeps it.
   */
  #removeAdded({ namespace, address }: Change, owned: Owned): void {
    // If this fails, the owner still knows the key (`StoredKeyLists.ts`), or that there may be such a key.
    if (!owned.hidden.has(address.key)) owned.hiddenMany = true;
    this.#parts.store?.remove(namespace, address, owned.epoch).catch(() => undefined);
  }

  /** Whether a change is neither safe nor taken back. */
  #isUnsafe(change: Change): boolean {
    const { namespace, address } = change;
    const unsafe = this.#unsafe.get(colorKey(namespace, address.color))?.get(address.key);
    return unsafe !== undefined && unsafe.object === change.object && unsafe.before === change.before;
  }

  #add(change: UnsafeChange): void {
    const { namespace, address } = change;
    const color = colorKey(namespace, address.color);
    const changes = this.#unsafe.get(color) ?? new Map<string, UnsafeChange>();
    this.#unsafe.set(color, changes.set(address.key, change));
  }

  #remove({ namespace, address }: Change): void {
    const color = colorKey(namespace, address.color);
    const changes = this.#unsafe.get(color);
    if (changes?.delete(address.key) === true && changes.size === 0) this.#unsafe.delete(color);
  }

  #of(color: string): UnsafeChange[] {
    return [...(this.#unsafe.get(color)?.values() ?? [])];
  }

  /** The time of a copy ends later than that of its object: the copy must not come back after a change that is not one of copies. */
  #noteEnded({ namespace, address, object, before }: Change): void {
    const { memory, now, owned } = this.#parts;
    if (before || object?.persistence === 'replicated') return;
    // It may have ended here as a copy, before this invoker became the owner.
    const time = now();
    const here = memory.hasEnded(namespace, address, time);
    const ended = here === 'yes' ? here : memory.hasEnded(copiesOf(namespace), address, time);
    if (here === 'no' && ended === 'no') return;
    const ownership = owned(namespace, address.color);
    // Without a set of copies, it had none.
    if (ownership && (ended === 'yes' || (ownership.copiedTo ?? ownership.base))) noteLateCopy(ownership, address.key);
  }

  /**
   * Whether the store may have a version of an object of memory, or an invoker a copy of one: a change that was taken back may have left it,
   * also one of an earlier owner. So the store is asked for its keys before the first change of an object that came from another invoker.
   */
  #isElsewhere({ namespace, address: { color, key } }: Change): boolean {
    const owned = this.#parts.owned(namespace, color);
    if (!owned) return false;
    const { stored, hidden, hiddenMany } = owned;
    const mayBeStored = stored === undefined || (stored === 'many' ? hiddenMany || hidden.has(key) : stored.has(key));
    return (this.#parts.store !== undefined && mayBeStored) || hasLateCopy(owned, key);
  }

  /**
   * Puts the object into its new place, and then removes it from the other one: if this breaks off, the object or the earlier one is
   * left. A new owner takes the copies first. So a copy hides what the store has, and goes last.
   */
  async #place(change: Change, owned: Owned, progress: Progress): Promise<void> {
    const { object } = change;
    await this.#parts.recovery.dropEarlier(change.namespace, change.address, owned);
    const store = await this.#storeOf(change, owned);
    if (object?.persistence === 'stored') await this.#copyBefore(change, owned);
    if (object?.persistence === 'replicated') await this.#replicate(change, owned, progress);
    if (store) await this.#store(store, change, owned, progress);
    if (object?.persistence !== 'replicated') await this.#replicate(change, owned, progress);
  }

  /**
   * The store, unless the change need not get there: the object is not to be stored, and no version of it is. An earlier change that was
   * not acknowledged may have left one. @throws ObjectError 503
   */
  async #storeOf({ namespace, address, object, before }: Change, owned: Owned): Promise<ObjectStore | undefined> {
    const { store, storedKeys } = this.#parts;
    const isNeeded = object?.persistence === 'stored' || before?.persistence === 'stored';
    if (!store) {
      if (isNeeded) throw new ObjectError(503, NO_STORE);
      return undefined;
    }
    // The copy hides what the store may have: a counter or a lock need not wait for the store before it is deleted.
    if (!isNeeded && object?.persistence === 'replicated' && owned.stored === undefined) {
      if (object.expiresAt === undefined || owned.hidden.has(address.key)) return undefined;
      // Nothing hides it after the end of the copy's time.
      if (owned.hidden.size < MAX_HIDDEN) {
        owned.hidden.add(address.key);
        return undefined;
      }
    }
    // The ownership gets its epoch there. If it ends meanwhile, the change would need a higher one than the next owner's.
    const searched = owned.stored === undefined;
    const isOwned = (): boolean => this.#parts.owned(namespace, address.color) === owned;
    const keys = await storedKeys.of({ store, isOwned }, owned, namespace, address.color);
    if (searched && !isOwned()) throw lostColor();
    return isNeeded || keys === 'many' || keys.has(address.key) ? store : undefined;
  }

  async #store(
    store: ObjectStore,
    { namespace, address, object, before }: Change,
    owned: Owned,
    progress: Progress,
  ): Promise<void> {
    const { storedKeys, now } = this.#parts;
    this.#requireHeld(owned);
    progress.mayBeElsewhere = true;
    if (object?.persistence === 'stored') {
      const { bytes, contentType, etag, expiresAt } = object;
      const ttlMs = expiresAt === undefined ? undefined : Math.max(1, expiresAt - now());
      // Even if the write fails, the store may have it later.
      storedKeys.add(owned, address.key);
      // The list of keys may be forgotten later, since the color or the invoker gets too many.
      if (before?.persistence !== 'stored' && owned.hidden.size < MAX_HIDDEN) owned.hidden.add(address.key);
      progress.addedToStore = before?.persistence !== 'stored';
      await store.write(namespace, address, { bytes, contentType, etag, ttlMs }, owned.epoch);
    } else {
      await store.remove(namespace, address, owned.epoch);
      storedKeys.delete(owned, address.key);
    }
    owned.hidden.delete(address.key);
  }

  /**
   * An earlier change that failed may have removed the copy of the object before. If this one fails in the store, too, what both have left
   * there is removed: then the copy must be there again.
   */
  async #copyBefore({ namespace, address, before }: Change, owned: Owned): Promise<void> {
    if (before?.persistence !== 'replicated' || !hasLateCopy(owned, address.key)) return;
    const [next] = owned.others;
    if (!next) throw new ObjectError(503, NO_SECOND, { retryAfterS: 5 });
    const steps = { onSend: () => undefined, onCopied: () => undefined };
    await this.#parts.replication.change({ namespace, address, object: before, ...steps }, owned, next);
  }

  async #replicate({ namespace, address, object, before }: Change, owned: Owned, progress: Progress): Promise<void> {
    const [next] = owned.others;
    const isReplicated = object?.persistence === 'replicated' || before?.persistence === 'replicated';
    if (!isReplicated && !hasLateCopy(owned, address.key)) return;
    // A lost set has no copy that could come back.
    const holder = owned.copiedTo?.lost === true ? undefined : owned.copiedTo?.peer;
    const to = isReplicated ? next : (next ?? holder);
    if (!to) {
      if (!isReplicated) return;
      throw new ObjectError(503, NO_SECOND, { retryAfterS: 5 });
    }
    const isFirst = !progress.mayBeElsewhere;
    const steps = {
      onSend: () => {
        progress.mayBeElsewhere = true;
        // Its copy may be gone: if this invoker ends now, the store has the only version.
        if (before?.persistence === 'replicated') progress.addedToStore = false;
      },
      onCopied: () => void (progress.copied = true),
    };
    try {
      await this.#parts.replication.change({ namespace, address, object, ...steps }, owned, to);
    } catch (error) {
      // A set may have it from an earlier attempt, or from an earlier change that was taken back.
      if (error instanceof CopyRefused && isFirst && !hasLateCopy(owned, address.key)) progress.mayBeElsewhere = false;
      throw error;
    }
  }

  /** @throws ObjectError 503 */
  #requireHeld(owned: Owned): void {
    if (owned.retired || !this.#parts.held(owned)) throw lostColor();
  }
}

const yes = (): boolean => true;
const no = (): boolean => false;
const over = (): Prepared => 'over';
const isOver = ({ expiresAt }: StoredObject, now: number): boolean => expiresAt !== undefined && expiresAt <= now;

const placeOf = (namespace: ObjectNamespace, { color, key }: ObjectAddress): string =>
  `${colorKey(namespace, color)}\n${key}`;
