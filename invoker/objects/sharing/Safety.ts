import { ObjectError } from '../../../shared/objects/ObjectError.js';
import type { ObjectAddress } from '../../../shared/objects/objectPath.js';
import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';
import { within } from '../../../shared/process/within.js';
import type { ObjectMemory } from '../memory/ObjectMemory.js';
import type { StoredObject } from '../memory/StoredObject.js';
import { colorKey } from './colorKey.js';
import type { Owned } from './ColorStates.js';
import type { ObjectStore } from './ObjectStore.js';
import { lostColor } from './lostColor.js';
import { hasLateCopy } from './lateCopies.js';
import { asOwner } from './asOwner.js';
import type { Replication } from './Replication.js';
import type { Prepared } from '../server/searches.js';
import type { StoredKeyLists } from './StoredKeyLists.js';

export interface SafetyParts {
  readonly memory: ObjectMemory;
  readonly replication: Pick<Replication, 'change'>;
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
  readonly before: Pick<StoredObject, 'persistence'> | undefined;
}

/**
 * A change that is not safe yet. It has no bytes, since the memory does not count them here: if the object is evicted
 * meanwhile, the change is taken back.
 */
interface UnsafeChange extends Omit<Change, 'object'> {
  /** Of the object after the change; undefined: it was deleted. */
  readonly etag: string | undefined;
}

export const NO_STORE = 'This installation has no store for objects.';
export const NO_SECOND = 'No second invoker is there to keep the replicated object.';

/** The most changes that could not be made safe. Beyond them, changes of other objects are refused. */
const MAX_UNSAFE = 10_000;
/** How many of them may fail again before `tend` ends. */
const MOST_FAILURES = 4;

/**
 * Makes changes as safe as their objects' persistence promises. Until a change is safe, other operations on its object
 * wait: nobody reads a value that may vanish with this invoker. A change that could not be made safe is tried again
 * before the next operation.
 */
export class Safety {
  readonly #parts: SafetyParts;
  /** What operations on an object wait for. */
  readonly #busy = new Map<string, Promise<Prepared>>();
  /** The attempts to make an earlier change safe, among those of `#busy`. */
  readonly #retries = new WeakSet<Promise<Prepared>>();
  readonly #unsafe = new Map<string, UnsafeChange>();
  /** Whether `tend` is under way. */
  #tending = false;

  constructor(parts: SafetyParts) {
    this.#parts = parts;
  }

  /**
   * What to wait for before an operation; undefined: nothing. Rejects with an `ObjectError` if a search for the object fails, or if
   * a change stays unsafe.
   */
  unsafe(namespace: ObjectNamespace, address: ObjectAddress): Promise<Prepared> | undefined {
    const place = placeOf(namespace, address);
    const busy = this.#busy.get(place);
    const change = this.#unsafe.get(place);
    // One attempt fails for all that wait for it. Otherwise each of them would make its own, one after the other.
    if (busy && (this.#retries.has(busy) || !change)) return busy;
    // The operation that made the change reports its failure.
    if (busy) return busy.then(over, over);
    if (!change) return undefined;
    const retry = this.alone(namespace, address, () => this.#tryAgain(place, change).then(over));
    this.#retries.add(retry);
    return retry;
  }

  /**
   * Waits until the changes of a color's objects are safe that are in memory now.
   * @param color see `colorKey`.
   * @param isListed whether an object with this key is asked for.
   * @throws ObjectError 503 if a change stays unsafe
   */
  async allSafe(color: string, isListed: (key: string) => boolean): Promise<void> {
    const prefix = `${color}\n`;
    const changes = [...this.#unsafe].filter(
      ([place, { address }]) => place.startsWith(prefix) && isListed(address.key),
    );
    // One after the other: if the store is away, the first one fails.
    for (const [place, { namespace, address, etag }] of changes) {
      // The operation that made the change may fail. Then the change is tried again, once.
      for (let attempt = 0; attempt < 2; attempt++) {
        const now = this.#unsafe.get(place);
        if (!now || now.etag !== etag) break;
        await this.unsafe(namespace, address);
      }
    }
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

  /** Whether a change of the object is under way, or could not be made safe. */
  isChanging(namespace: ObjectNamespace, address: ObjectAddress): boolean {
    return this.#unsafeAt(placeOf(namespace, address)) !== undefined;
  }

  /** Whether a change of the object is not safe yet, and only copies have the replicated version before it. */
  replaces(namespace: ObjectNamespace, address: ObjectAddress): boolean {
    return this.#unsafe.get(placeOf(namespace, address))?.before?.persistence === 'replicated';
  }

  /** The search for the object at other invokers, if one is under way. Never rejects. */
  recovering(namespace: ObjectNamespace, address: ObjectAddress): Promise<void> | undefined {
    const place = placeOf(namespace, address);
    return this.#unsafeAt(place) ? undefined : this.#busy.get(place)?.then(ignore, ignore);
  }

  /** The change of an object that is not safe yet. It is over if the object was evicted, or its time is over: nobody has seen it. */
  #unsafeAt(place: string): UnsafeChange | undefined {
    const { memory, now } = this.#parts;
    const change = this.#unsafe.get(place);
    if (!change || change.etag === undefined || this.#busy.has(place)) return change;
    if (memory.peek(change.namespace, change.address, now())?.etag === change.etag) return change;
    this.#unsafe.delete(place);
    return undefined;
  }

  /**
   * Waits for the changes of a color that are under way, and takes those back that could not be made safe: nobody has
   * seen them, and the next owner decides.
   * @param color see `colorKey`.
   * @throws ObjectError 503 after `limitMs`
   */
  async quiet(color: string, limitMs: number): Promise<void> {
    const prefix = `${color}\n`;
    const running = [...this.#busy].flatMap(([place, done]) => (place.startsWith(prefix) ? [done] : []));
    const ended = Promise.allSettled(running);
    await within(ended, limitMs, () => {
      throw new ObjectError(503, 'Changes of the color are under way.', { retryAfterS: 1 });
    });
    this.takeBack(color);
  }

  /**
   * Tries changes again that could not be made safe, until some of them fail: nobody may ask for their objects any more, and they count
   * among `MAX_UNSAFE`. Gives those up whose objects are gone or whose colors are not owned any more. To be called each second. Never
   * rejects.
   */
  async tend(): Promise<void> {
    if (this.#tending) return;
    this.#tending = true;
    try {
      let [rest, failures] = [this.#unsafe.size, 0];
      for (const [place, change] of this.#unsafe) {
        if (rest-- <= 0 || failures >= MOST_FAILURES) break;
        if (this.#busy.has(place) || !this.#unsafeAt(place)) continue;
        const { namespace, address } = change;
        this.#unsafe.delete(place);
        if (!this.#parts.owned(namespace, address.color)) {
          this.#undo(namespace, address, change.etag);
          continue;
        }
        // If it fails, it comes after the others the next time.
        this.#unsafe.set(place, change);
        await this.unsafe(namespace, address)?.catch(() => failures++);
      }
    } finally {
      this.#tending = false;
    }
  }

  /** Takes the changes of a color back that could not be made safe. @param color see `colorKey`. */
  takeBack(color: string): void {
    const prefix = `${color}\n`;
    for (const [place, { namespace, address, etag }] of this.#unsafe) {
      if (!place.startsWith(prefix)) continue;
      this.#unsafe.delete(place);
      this.#undo(namespace, address, etag);
    }
  }

  /** Removes the object of a change, so that an earlier one comes back from the store or from its copies. */
  #undo(namespace: ObjectNamespace, address: ObjectAddress, etag: string | undefined): void {
    const { memory, now } = this.#parts;
    // At a later time the object may have expired.
    const time = now();
    if (etag === undefined || memory.peek(namespace, address, time)?.etag !== etag) return;
    const owned = this.#parts.owned(namespace, address.color);
    if (owned) owned.evictions++;
    memory.delete(namespace, address, undefined, time);
  }

  settle(change: Change): Promise<void> | undefined {
    const [now, before] = [change.object?.persistence ?? 'memory', change.before?.persistence ?? 'memory'];
    if (now === 'memory' && before === 'memory' && !this.#isElsewhere(change)) return undefined;
    const done = this.alone(change.namespace, change.address, () => this.#makeSafe(change).then(over));
    // 503 would say that nothing has changed.
    return done.then(ignore, (error: unknown) => {
      const reason = error instanceof ObjectError ? error.message : '';
      throw new ObjectError(502, `The change may get lost: ${reason}`, { cause: error });
    });
  }

  /** @throws ObjectError 503; the change stays to be made safe. */
  async #tryAgain(place: string, { etag, ...change }: UnsafeChange): Promise<void> {
    const { memory, now } = this.#parts;
    const object = etag === undefined ? undefined : memory.peek(change.namespace, change.address, now());
    // Evicted, or its time is over: nobody has seen it.
    if (object?.etag !== etag) this.#unsafe.delete(place);
    else await this.#makeSafe({ ...change, object });
  }

  /** @throws ObjectError 503; the change stays to be made safe. */
  async #makeSafe(change: Change): Promise<void> {
    const place = placeOf(change.namespace, change.address);
    if (this.#unsafe.size >= MAX_UNSAFE && !this.#unsafe.has(place)) {
      this.#undo(change.namespace, change.address, change.object?.etag);
      throw new ObjectError(503, 'Too many changes wait for the store or for other invokers.', { retryAfterS: 5 });
    }
    const { namespace, address, object, before } = change;
    const kept = before && { persistence: before.persistence };
    this.#unsafe.set(place, { namespace, address, before: kept, etag: object?.etag });
    // Its bytes are in use. And who waits for the change finds the object here.
    const release = object && this.#parts.memory.hold(namespace, address, object);
    try {
      const owned = this.#parts.owned(change.namespace, change.address.color);
      if (!owned) throw lostColor();
      await asOwner(owned, () => this.#place(change, owned));
      // An owner that was frozen meanwhile must not acknowledge it.
      this.#requireHeld(owned);
      this.#unsafe.delete(place);
    } catch (error) {
      if (error instanceof ObjectError) throw error;
      throw new ObjectError(503, 'The change is not safe yet: another invoker does not answer.', {
        retryAfterS: 1,
        cause: error,
      });
    } finally {
      release?.();
    }
  }

  /**
   * Whether the store has a version of an object of memory, as far as is known, or a copy of one may come: a request that ended late may
   * have left it.
   */
  #isElsewhere({ namespace, address: { color, key } }: Change): boolean {
    const owned = this.#parts.owned(namespace, color);
    if (!owned) return false;
    const isStored = this.#parts.store !== undefined && owned.stored instanceof Set && owned.stored.has(key);
    return isStored || hasLateCopy(owned, key);
  }

  /**
   * Puts the object into its new place, and then removes it from the other one: if this breaks off, the object or the earlier one is
   * left. A search looks for copies first. So a copy hides what the store has, and goes last.
   */
  async #place(change: Change, owned: Owned): Promise<void> {
    const { object } = change;
    const store = await this.#storeOf(change, owned);
    if (object?.persistence === 'replicated') await this.#replicate(change, owned);
    if (store) await this.#store(store, change, owned);
    if (object?.persistence !== 'replicated') await this.#replicate(change, owned);
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
    if (!isNeeded && object?.persistence === 'replicated' && owned.stored === undefined) return undefined;
    // The ownership gets its epoch there. If it ends meanwhile, the change would need a higher one than the next owner's.
    const searched = owned.stored === undefined;
    const isOwned = (): boolean => this.#parts.owned(namespace, address.color) === owned;
    const keys = await storedKeys.of({ store, isOwned }, owned, namespace, address.color);
    if (searched && !isOwned()) throw lostColor();
    return isNeeded || keys === 'many' || keys.has(address.key) ? store : undefined;
  }

  async #store(store: ObjectStore, { namespace, address, object }: Change, owned: Owned): Promise<void> {
    const { storedKeys, now } = this.#parts;
    this.#requireHeld(owned);
    if (object?.persistence === 'stored') {
      const { bytes, contentType, etag, expiresAt } = object;
      const ttlMs = expiresAt === undefined ? undefined : Math.max(1, expiresAt - now());
      // Even if the write fails, the store may have it later.
      storedKeys.add(owned, address.key);
      await store.write(namespace, address, { bytes, contentType, etag, ttlMs }, owned.epoch);
    } else {
      await store.remove(namespace, address, owned.epoch);
      storedKeys.delete(owned, address.key);
    }
  }

  async #replicate({ namespace, address, object, before }: Change, owned: Owned): Promise<void> {
    const [next] = owned.others;
    if (object?.persistence !== 'replicated' && before?.persistence !== 'replicated') {
      // The copy would be an earlier version, and come back after an eviction.
      const to = hasLateCopy(owned, address.key) ? (next ?? owned.copiedTo?.peer) : undefined;
      if (to) await this.#parts.replication.change(namespace, address, object, owned, to);
      return;
    }
    if (!next) throw new ObjectError(503, NO_SECOND, { retryAfterS: 5 });
    await this.#parts.replication.change(namespace, address, object, owned, next);
  }

  /** @throws ObjectError 503 */
  #requireHeld(owned: Owned): void {
    if (!this.#parts.held(owned)) throw lostColor();
  }
}

const ignore = (): void => undefined;
const over = (): Prepared => 'over';

const placeOf = (namespace: ObjectNamespace, { color, key }: ObjectAddress): string =>
  `${colorKey(namespace, color)}\n${key}`;
