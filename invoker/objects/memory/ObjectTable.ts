import type { ObjectAddress } from '../../../shared/objects/objectPath.js';
import type { KnownTags, Persistence } from '../../../shared/objects/ObjectRequest.js';
import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';
import { Entry, type Namespace } from './entries.js';
import { EndedObjects } from './EndedObjects.js';
import { Expiries } from './Expiries.js';
import { ObjectIndex } from './ObjectIndex.js';
import { costOf, placeOf } from './nextObject.js';
import { endsWait, isExpired, isKept } from './objectRules.js';
import type { ReadCopies } from './ReadCopies.js';
import { Room, type Existing } from './Room.js';
import type { StoredObject } from './StoredObject.js';
import { Waits, type WaitBounds } from './Waits.js';

export interface ObjectTableOptions {
  /** The most memory of all objects, in bytes; see `Room.resize`. */
  readonly boundBytes: number;
  readonly maxObjects: number;
  readonly maxKeysPerColor: number;
  readonly waits: WaitBounds;
  /** Copies that use memory which objects leave. */
  readonly copies: ReadCopies | undefined;
}

/**
 * The objects at their places. Keeps the index, the counted memory, the expiries and the waits in agreement: each change
 * of an object goes through `store`, `remove` or `drop`.
 */
export class ObjectTable {
  readonly index = new ObjectIndex();
  readonly room: Room;
  readonly #expiries = new Expiries<Entry>();
  readonly #waits: Waits<StoredObject | undefined>;
  readonly #ended = new EndedObjects();

  constructor({ waits, ...bounds }: ObjectTableOptions) {
    this.room = new Room({ ...bounds, index: this.index, evict: (entry) => this.drop(entry) });
    this.#waits = new Waits(waits);
  }

  /** The number of waits. */
  get waits(): number {
    return this.#waits.size;
  }

  /** The number of objects with a TTL. */
  get expiring(): number {
    return this.#expiries.size;
  }

  /** The entry of an object that has not expired. */
  live(uuid: string, address: ObjectAddress, now: number): Entry | undefined {
    const entry = this.index.find(uuid, address);
    if (!entry || !isExpired(entry.object, now)) return entry;
    this.#end(entry, now);
    return undefined;
  }

  /** See `Room.make`. @throws ObjectError 429, 503 */
  makeRoom(owner: Namespace, bytes: number, now: number, existing: Existing): boolean {
    this.expire(now);
    return this.room.make(owner, bytes, existing);
  }

  /** See `Room.makeForLoaded`. */
  makeForLoaded(namespace: ObjectNamespace, address: ObjectAddress, bytes: number, now: number): void {
    this.expire(now);
    this.room.makeForLoaded(this.index.owner(namespace), address.color, costOf(address, bytes));
  }

  /**
   * Checks that there may be such an object in the place of another one, or in an empty place.
   * @param cost its memory.
   * @param isMoved see `Room.requireKeepable`.
   * @throws ObjectError 503
   */
  requireKeepable(
    before: Entry | undefined,
    persistence: Persistence,
    cost: number,
    now: number,
    isMoved = false,
  ): void {
    if (!isKept(persistence)) return;
    this.expire(now);
    this.room.requireKeepable(cost - (before?.kept === true ? before.cost : 0), isMoved);
  }

  /**
   * Puts an object in the place of another one, or in an empty place. Tells the waits.
   * @throws ObjectError 429, 503
   */
  store(
    namespace: ObjectNamespace,
    address: ObjectAddress,
    before: Entry | undefined,
    object: StoredObject,
    now: number,
    isMoved = false,
  ): void {
    const cost = costOf(address, object.bytes.capacity);
    this.requireKeepable(before, object.persistence, cost, now, isMoved);
    const owner = this.index.owner(namespace);
    this.makeRoom(owner, cost - (before?.cost ?? 0), now, { spared: before });
    if (!before) this.room.makeForKey(owner, address.color);
    this.replace(namespace, address, before, object, now);
  }

  /** Like `store`, without room for it: its memory may exceed the bounds. */
  replace(
    namespace: ObjectNamespace,
    address: ObjectAddress,
    before: Entry | undefined,
    object: StoredObject,
    now: number,
  ): void {
    const owner = this.index.owner(namespace);
    const cost = costOf(address, object.bytes.capacity);
    const place = before?.place ?? placeOf(namespace.uuid, address);
    if (before) this.#remove(before);
    const entry = new Entry(place, address, owner, object, cost, now);
    this.index.add(entry);
    this.room.take(entry);
    if (object.expiresAt !== undefined) this.#expiries.add(entry, object.expiresAt);
    this.#waits.changed(place, object);
  }

  /** Counts the memory of an object that is not in the table. @returns a function to call once, at the end. */
  retain(namespace: ObjectNamespace, address: ObjectAddress, object: StoredObject): () => void {
    const owner = this.index.owner(namespace);
    const cost = costOf(address, object.bytes.capacity);
    this.room.charge(owner, cost);
    return () => this.room.charge(this.index.owner(namespace), -cost);
  }

  /** Removes an object, and tells the waits. A second call has no effect. */
  drop(entry: Entry): void {
    this.#remove(entry);
    this.#waits.changed(entry.place, undefined);
  }

  /** Removes expired objects. */
  expire(now: number): void {
    for (const entry of this.#expiries.due(now)) this.#end(entry, now);
  }

  /** See `ObjectMemory.hasEnded`. */
  hasEnded(uuid: string, address: ObjectAddress, now: number): 'yes' | 'maybe' | 'no' {
    return this.#ended.isEmpty ? 'no' : this.#ended.has(placeOf(uuid, address), now);
  }

  /** See `ObjectMemory.hold`. */
  hold(uuid: string, address: ObjectAddress, object: StoredObject): (() => void) | undefined {
    const entry = this.index.find(uuid, address);
    if (entry?.object !== object) return undefined;
    entry.holds++;
    return () => {
      entry.holds--;
      if (entry.holds === 0 && entry.removed) this.room.giveBack(entry);
    };
  }

  /** See `ObjectMemory.wait`. */
  wait(
    uuid: string,
    address: ObjectAddress,
    known: KnownTags | undefined,
    wake: (object: StoredObject | undefined) => void,
  ): () => void {
    return this.#waits.add(uuid, placeOf(uuid, address), (object) => endsWait(object, known), wake);
  }

  /** Takes note of an object whose time is over, and which is not here. */
  noteEnd(place: string, { persistence, expiresAt }: StoredObject, now: number): void {
    if (isKept(persistence)) this.#ended.note(place, expiresAt ?? now, now);
  }

  /** Removes an object whose time is over. */
  #end(entry: Entry, now: number): void {
    this.drop(entry);
    this.noteEnd(entry.place, entry.object, now);
  }

  #remove(entry: Entry): void {
    if (entry.removed) return;
    entry.removed = true;
    const { object } = entry;
    this.index.remove(entry);
    if (object.expiresAt !== undefined) this.#expiries.remove(entry, object.expiresAt);
    if (entry.holds === 0) this.room.giveBack(entry);
  }
}
