import { MAX_OBJECT_BYTES } from '../../../shared/objects/bounds.js';
import { ObjectError } from '../../../shared/objects/ObjectError.js';
import type { ObjectAddress } from '../../../shared/objects/objectPath.js';
import type {
  Condition,
  KnownTags,
  ListRequest,
  ObjectList,
  WriteOptions,
} from '../../../shared/objects/ObjectRequest.js';
import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';
import { Entry, type Namespace } from './entries.js';
import { Expiries } from './Expiries.js';
import { ObjectBytes } from './ObjectBytes.js';
import { listed, ObjectIndex } from './ObjectIndex.js';
import type { MemoryCounts, NamespaceUse } from './memoryCounts.js';
import { changed, costOf, counted, DEFAULT_TYPE, placeOf, replaced } from './nextObject.js';
import { addTo, endsWait, isExpired, notFound, requireCondition } from './objectRules.js';
import type { ReadCopies } from './ReadCopies.js';
import { Reservation } from './Reservation.js';
import { Room, type Existing } from './Room.js';
import type { StoredObject } from './StoredObject.js';
import { Waits, WAIT_BOUNDS, type WaitBounds } from './Waits.js';

export interface ObjectMemoryOptions {
  /** The start of all tags: different in each run. Letters and digits. */
  readonly epoch: string;
  /** The most memory of all objects, in bytes; see `resize`. */
  readonly boundBytes: number;
  readonly maxObjects?: number | undefined;
  readonly maxKeysPerColor?: number | undefined;
  readonly waits?: WaitBounds | undefined;
  /** Copies that use memory which objects leave. */
  readonly copies?: ReadCopies | undefined;
}

const MAX_OBJECTS = 1_000_000;
const MAX_KEYS_PER_COLOR = 100_000;
/**
 * The objects of one invoker: by namespace, color and key. One thread executes all operations one after the other, so
 * they are atomic. Has no timers and no clock: `now` comes in as ms, and never decreases.
 *
 * All memory is counted before it is taken: by a reservation for the bytes of a body, or within an operation. It
 * consists of the objects, the reservations, and removed objects whose bytes are still being sent.
 */
export class ObjectMemory {
  readonly #epoch: string;
  readonly #index = new ObjectIndex();
  readonly #room: Room;
  readonly #expiries = new Expiries<Entry>();
  readonly #waits: Waits<StoredObject | undefined>;
  #version = 0;
  #hits = 0;
  #misses = 0;

  constructor(options: ObjectMemoryOptions) {
    this.#epoch = options.epoch;
    this.#room = new Room({
      boundBytes: options.boundBytes,
      maxObjects: options.maxObjects ?? MAX_OBJECTS,
      maxKeysPerColor: options.maxKeysPerColor ?? MAX_KEYS_PER_COLOR,
      index: this.#index,
      copies: options.copies,
      remove: (entry) => this.#drop(entry),
    });
    this.#waits = new Waits(options.waits ?? WAIT_BOUNDS);
  }

  /** The object, which counts as used; undefined if there is none. */
  read(namespace: ObjectNamespace, address: ObjectAddress, now: number): StoredObject | undefined {
    const entry = this.#live(namespace.uuid, address, now);
    if (!entry) {
      this.#misses++;
      return undefined;
    }
    this.#hits++;
    entry.usedAt = now;
    entry.owner.recency.touch(entry);
    return entry.object;
  }

  /** The object without counting its use. */
  peek(namespace: ObjectNamespace, address: ObjectAddress, now: number): StoredObject | undefined {
    return this.#live(namespace.uuid, address, now)?.object;
  }

  /**
   * Keeps the memory of an object counted while its bytes are sent, even if the object is replaced or removed.
   * @returns a function to call once, at the end; undefined if the object has already been replaced.
   */
  hold(namespace: ObjectNamespace, address: ObjectAddress, object: StoredObject): (() => void) | undefined {
    const entry = this.#index.find(namespace.uuid, address);
    if (entry?.object !== object) return undefined;
    entry.holds++;
    return () => {
      entry.holds--;
      if (entry.holds === 0 && entry.removed) this.#room.charge(entry.owner, -entry.cost);
    };
  }

  /**
   * Calls `wake` once, with the object after the first change that ends the wait: it exists, or, with known tags, it is
   * another one or does not exist. The caller has seen that this is not so yet.
   * @returns a function that ends the wait.
   * @throws ObjectError 429, 503
   */
  wait(
    namespace: ObjectNamespace,
    address: ObjectAddress,
    known: KnownTags | undefined,
    wake: (object: StoredObject | undefined) => void,
  ): () => void {
    const place = placeOf(namespace.uuid, address);
    return this.#waits.add(namespace.uuid, place, (object) => endsWait(object, known), wake);
  }

  /**
   * Reserves memory for a body before it is read. Evicts other objects if necessary.
   * @param bytes its known length, or 0 if it is unknown: then `grow` before each piece.
   * @throws ObjectError 413, 429 (the namespace's limit), 503 (no memory)
   */
  reserve(namespace: ObjectNamespace, address: ObjectAddress, bytes: number, now: number): Reservation {
    const owner = this.#index.owner(namespace);
    owner.reservations++;
    const reservation = new Reservation(
      (more, at) => {
        this.#requireSize(reservation.bytes + more);
        this.#makeRoom(owner, more, at, { replaced: this.#index.find(namespace.uuid, address)?.cost ?? 0 });
        this.#room.charge(owner, more);
      },
      (held) => {
        owner.reservations--;
        this.#room.charge(owner, -held);
      },
    );
    try {
      reservation.grow(bytes, now);
      return reservation;
    } catch (error) {
      reservation.release();
      throw error;
    }
  }

  /**
   * Writes an object. Ends the reservation in any case.
   * @param etag a copy from another invoker keeps its tag; undefined: a new tag.
   * @throws ObjectError 412, 429, 503
   */
  put(
    namespace: ObjectNamespace,
    address: ObjectAddress,
    bytes: ObjectBytes,
    options: WriteOptions & { readonly etag?: string | undefined },
    reservation: Reservation,
    now: number,
  ): { readonly object: StoredObject; readonly created: boolean } {
    const entry = this.#live(namespace.uuid, address, now);
    try {
      requireCondition(options.condition, entry?.object);
    } finally {
      reservation.release();
    }
    const object = replaced(bytes, options, entry?.object, options.etag ?? this.#nextTag(), now);
    this.#store(namespace, address, entry, object, now);
    return { object, created: !entry };
  }

  /**
   * Appends to an object, or writes it if there is none. Ends the reservation in any case.
   * @throws ObjectError 412, 413, 429, 503
   */
  append(
    namespace: ObjectNamespace,
    address: ObjectAddress,
    data: Uint8Array,
    options: WriteOptions,
    reservation: Reservation,
    now: number,
  ): StoredObject {
    reservation.release();
    const entry = this.#live(namespace.uuid, address, now);
    requireCondition(options.condition, entry?.object);
    const before = entry?.object.bytes ?? ObjectBytes.EMPTY;
    this.#requireSize(before.length + data.length);
    // Make room before the memory is taken.
    const owner = this.#index.owner(namespace);
    this.#makeRoom(owner, before.growth(data.length), now, { spared: entry });
    const bytes = before.append(data);
    const object = changed(bytes, DEFAULT_TYPE, options, entry?.object, this.#nextTag(), now);
    this.#store(namespace, address, entry, object, now);
    return object;
  }

  /**
   * Adds to the number of an object, or writes the number if there is none.
   * @throws ObjectError 400 (the object is not a number, or the sum is not exact), 412, 429, 503
   */
  increment(
    namespace: ObjectNamespace,
    address: ObjectAddress,
    by: number,
    options: WriteOptions,
    now: number,
  ): { readonly object: StoredObject; readonly sum: number } {
    const entry = this.#live(namespace.uuid, address, now);
    requireCondition(options.condition, entry?.object);
    const sum = addTo(entry?.object, by);
    const object = counted(sum, options, entry?.object, this.#nextTag(), now);
    this.#store(namespace, address, entry, object, now);
    return { object, sum };
  }

  /**
   * Removes an object.
   * @returns the removed object.
   * @throws ObjectError 404, 412
   */
  delete(
    namespace: ObjectNamespace,
    address: ObjectAddress,
    condition: Condition | undefined,
    now: number,
  ): StoredObject {
    const entry = this.#live(namespace.uuid, address, now);
    if (condition) requireCondition(condition, entry?.object);
    if (!entry) throw notFound();
    this.#remove(entry);
    this.#waits.changed(entry.place, undefined);
    return entry.object;
  }

  /** Removes all objects of a color. */
  clear({ uuid }: ObjectNamespace, color: string): void {
    for (const entry of this.#index.color(uuid, color).values()) this.#drop(entry);
  }

  /** The objects of a color by prefix, in the order of their keys' UTF-16 units. */
  list(
    { uuid }: ObjectNamespace,
    asked: Pick<ListRequest, 'color' | 'prefix' | 'after' | 'limit'>,
    now: number,
  ): ObjectList {
    return listed(this.#index.color(uuid, asked.color), asked, now);
  }

  /** The colors that have objects. */
  colors(): { readonly namespace: ObjectNamespace; readonly color: string }[] {
    return this.#index.colors();
  }

  /** Changes the bound, and evicts what exceeds it. Reserved and held memory may exceed it until it is released. */
  resize(boundBytes: number): void {
    this.#room.resize(boundBytes);
  }

  /** Removes expired objects. To be called every `EXPIRY_MS` while `expiring` is not 0. */
  expire(now: number): void {
    for (const entry of this.#expiries.due(now)) this.#drop(entry);
  }

  /** The number of objects with a TTL. */
  get expiring(): number {
    return this.#expiries.size;
  }

  get usedBytes(): number {
    return this.#room.usedBytes;
  }

  get boundBytes(): number {
    return this.#room.boundBytes;
  }

  counts(): MemoryCounts {
    const { boundBytes, usedBytes, evictions, refusals } = this.#room;
    return {
      boundBytes,
      usedBytes,
      objects: this.#index.size,
      namespaces: this.#index.namespaces.size,
      waits: this.#waits.size,
      hits: this.#hits,
      misses: this.#misses,
      evictions,
      refusals,
    };
  }

  /** The evictions since the last call, by the names of the namespaces. */
  takeEvicted(): { readonly name: string; readonly evictions: number }[] {
    return this.#room.takeEvicted();
  }

  /** The `most` namespaces with the most memory, in descending order. */
  largest(most: number): NamespaceUse[] {
    return [...this.#index.namespaces.values()]
      .toSorted((a, b) => b.usedBytes - a.usedBytes)
      .slice(0, most)
      .map(({ name, usedBytes, objects, evictions }) => ({ name, bytes: usedBytes, objects, evictions }));
  }

  /** The entry of an object that has not expired. */
  #live(uuid: string, address: ObjectAddress, now: number): Entry | undefined {
    const entry = this.#index.find(uuid, address);
    if (!entry || !isExpired(entry.object, now)) return entry;
    this.#drop(entry);
    return undefined;
  }

  #nextTag(): string {
    return `"${this.#epoch}-${(++this.#version).toString(36)}"`;
  }

  #requireSize(bytes: number): void {
    if (bytes > MAX_OBJECT_BYTES) {
      throw new ObjectError(413, `An object has at most ${MAX_OBJECT_BYTES} bytes.`);
    }
  }

  #store(
    namespace: ObjectNamespace,
    address: ObjectAddress,
    before: Entry | undefined,
    object: StoredObject,
    now: number,
  ): void {
    const owner = this.#index.owner(namespace);
    const cost = costOf(address, object);
    this.#makeRoom(owner, cost - (before?.cost ?? 0), now, { spared: before });
    if (!before) this.#room.makeForKey(owner, address.color);
    const place = before?.place ?? placeOf(namespace.uuid, address);
    if (before) this.#remove(before);
    const entry = new Entry(place, address, owner, object, cost, now);
    this.#index.add(entry);
    this.#room.charge(owner, cost);
    if (object.expiresAt !== undefined) this.#expiries.add(entry, object.expiresAt);
    this.#waits.changed(place, object);
  }

  #makeRoom(owner: Namespace, bytes: number, now: number, existing: Existing): void {
    this.expire(now);
    this.#room.make(owner, bytes, existing);
  }

  /** Removes an object, and tells who waits for that. */
  #drop(entry: Entry): void {
    this.#remove(entry);
    this.#waits.changed(entry.place, undefined);
  }

  #remove(entry: Entry): void {
    if (entry.removed) return;
    entry.removed = true;
    const { owner, object } = entry;
    this.#index.remove(entry);
    if (object.expiresAt !== undefined) this.#expiries.remove(entry, object.expiresAt);
    if (entry.holds === 0) this.#room.charge(owner, -entry.cost);
  }
}
