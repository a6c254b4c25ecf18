import { MAX_OBJECT_BYTES } from '../../../shared/objects/bounds.js';
import { ObjectError } from '../../../shared/objects/ObjectError.js';
import type { ObjectAddress } from '../../../shared/objects/objectPath.js';
import type {
  Condition,
  KnownTags,
  ListRequest,
  ObjectList,
  Persistence,
  WriteOptions,
} from '../../../shared/objects/ObjectRequest.js';
import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';
import { ObjectBytes } from './ObjectBytes.js';
import { listed } from './ObjectIndex.js';
import { ObjectTable } from './ObjectTable.js';
import type { MemoryCounts, NamespaceUse } from './memoryCounts.js';
import { changed, costOf, counted, DEFAULT_TYPE, persistenceAfter, placeOf, replaced } from './nextObject.js';
import { addTo, isExpired, notFound, requireCondition } from './objectRules.js';
import type { ReadCopies } from './ReadCopies.js';
import { Reservation } from './Reservation.js';
import type { StoredObject } from './StoredObject.js';
import { WAIT_BOUNDS, type WaitBounds } from './Waits.js';

export interface ObjectMemoryOptions {
  /** The start of all tags: different in each run. Letters and digits. */
  readonly epoch: string;
  /**
   * The most memory of all objects, in bytes; see `resize`. Half of this one is for objects that are never evicted:
   * replicated ones and their copies.
   */
  readonly boundBytes: number;
  readonly maxObjects?: number | undefined;
  readonly maxKeysPerColor?: number | undefined;
  readonly waits?: WaitBounds | undefined;
  /** Copies that use memory which objects leave. */
  readonly copies?: ReadCopies | undefined;
}

/** A write whose body has not arrived yet. */
export interface AnnouncedWrite {
  /** What the write names. Undefined: the object keeps what it has. */
  readonly persistence: Persistence | undefined;
  /** The length of the body; 0 if it is unknown. */
  readonly bytes: number;
  /** Whether the body is appended to the object; missing: it replaces the object. */
  readonly appends?: boolean;
}

const MAX_OBJECTS = 1_000_000;
const MAX_KEYS_PER_COLOR = 100_000;

/**
 * The objects of one invoker: by namespace, color and key. One thread executes all operations one after the other, so
 * they are atomic. Has no timers and no clock: `now` comes in as ms, and never decreases.
 *
 * All memory is counted before it is taken: by a reservation for the bytes of a body, or within an operation. It
 * consists of the objects, the reservations, and removed objects whose bytes are still being sent. Replicated objects and
 * the copies of them are never evicted. They have a bound of their own.
 */
export class ObjectMemory {
  readonly #epoch: string;
  readonly #table: ObjectTable;
  #version = 0;
  #hits = 0;
  #misses = 0;

  constructor({ epoch, boundBytes, maxObjects, maxKeysPerColor, waits, copies }: ObjectMemoryOptions) {
    this.#epoch = epoch;
    this.#table = new ObjectTable({
      boundBytes,
      maxObjects: maxObjects ?? MAX_OBJECTS,
      maxKeysPerColor: maxKeysPerColor ?? MAX_KEYS_PER_COLOR,
      waits: waits ?? WAIT_BOUNDS,
      copies,
    });
  }

  /** The object, which counts as used; undefined if there is none. */
  read(namespace: ObjectNamespace, address: ObjectAddress, now: number): StoredObject | undefined {
    const entry = this.#table.live(namespace.uuid, address, now);
    if (!entry) {
      this.#misses++;
      return undefined;
    }
    this.#hits++;
    entry.usedAt = now;
    if (!entry.kept) entry.owner.recency.touch(entry);
    return entry.object;
  }

  /** The object without counting its use. */
  peek(namespace: ObjectNamespace, address: ObjectAddress, now: number): StoredObject | undefined {
    return this.#table.live(namespace.uuid, address, now)?.object;
  }

  /**
   * Keeps the memory of an object counted while its bytes are sent, even if the object is replaced or removed.
   * @returns a function to call once, at the end; undefined if the object has already been replaced.
   */
  hold(namespace: ObjectNamespace, address: ObjectAddress, object: StoredObject): (() => void) | undefined {
    return this.#table.hold(namespace.uuid, address, object);
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
    return this.#table.wait(namespace.uuid, address, known, wake);
  }

  /**
   * Checks that there is room for an object that is never evicted. To be called before its body is read.
   * @throws ObjectError 503
   */
  requireKeepable(
    namespace: ObjectNamespace,
    address: ObjectAddress,
    { persistence, bytes, appends = false }: AnnouncedWrite,
    now: number,
  ): void {
    const entry = this.#table.live(namespace.uuid, address, now);
    const before = (appends ? entry?.object.bytes : undefined) ?? ObjectBytes.EMPTY;
    // Bytes of a body of their own have no room behind them.
    const capacity = appends ? before.capacity + before.growth(bytes) : bytes;
    const after = persistenceAfter(persistence, entry?.object.persistence);
    this.#table.requireKeepable(entry, after, costOf(address, capacity), now);
  }

  /**
   * Reserves memory for a body before it is read. Evicts other objects if necessary. An object that is never evicted can
   * always be written again in the same size: while the body is read, its memory may exceed the bound.
   * @param bytes its known length, or 0 if it is unknown: then `grow` before each piece.
   * @throws ObjectError 413, 429 (the namespace's limit), 503 (no memory)
   */
  reserve(namespace: ObjectNamespace, address: ObjectAddress, bytes: number, now: number): Reservation {
    const owner = this.#table.index.owner(namespace);
    owner.reservations++;
    let beyond = 0;
    const reservation = new Reservation(
      (more, at) => {
        this.#requireSize(reservation.bytes + more);
        const before = this.#table.index.find(namespace.uuid, address);
        const again = before?.kept === true && reservation.bytes + more <= before.cost;
        if (!this.#table.makeRoom(owner, more, at, { replaced: before?.cost ?? 0, again })) beyond += more;
        this.#table.room.charge(owner, more);
      },
      (held) => {
        owner.reservations--;
        owner.beyondBytes -= beyond;
        this.#table.room.charge(owner, -held);
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
   * Reserves memory for an object that the namespace has in the store, and that is put there next. The limits of the namespace and of the
   * color do not prevent this: others of their objects are evicted.
   * @throws ObjectError 413, 503 (no memory)
   */
  reserveLoaded(namespace: ObjectNamespace, address: ObjectAddress, bytes: number, now: number): Reservation {
    this.#table.makeForLoaded(namespace, address, bytes, now);
    return this.reserve({ ...namespace, limitBytes: undefined }, address, bytes, now);
  }

  /**
   * Writes an object. Ends the reservation in any case.
   * @param etag a copy from another invoker keeps its tag; undefined: a new tag.
   * @param isMoved see `Room.requireKeepable`.
   * @throws ObjectError 412, 429, 503
   */
  put(
    namespace: ObjectNamespace,
    address: ObjectAddress,
    bytes: ObjectBytes,
    options: WriteOptions & { readonly etag?: string | undefined; readonly isMoved?: boolean },
    reservation: Reservation,
    now: number,
  ): { readonly object: StoredObject; readonly created: boolean } {
    const entry = this.#table.live(namespace.uuid, address, now);
    try {
      requireCondition(options.condition, entry?.object);
    } finally {
      reservation.release();
    }
    const object = replaced(bytes, options, entry?.object, options.etag ?? this.#nextTag(), now);
    this.#table.store(namespace, address, entry, object, now, options.isMoved);
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
    const entry = this.#table.live(namespace.uuid, address, now);
    requireCondition(options.condition, entry?.object);
    const before = entry?.object.bytes ?? ObjectBytes.EMPTY;
    this.#requireSize(before.length + data.length);
    // Make room before the memory is taken.
    const growth = before.growth(data.length);
    const persistence = persistenceAfter(options.persistence, entry?.object.persistence);
    this.#table.requireKeepable(entry, persistence, costOf(address, before.capacity + growth), now);
    const owner = this.#table.index.owner(namespace);
    this.#table.makeRoom(owner, growth, now, { spared: entry });
    const bytes = before.append(data);
    const object = changed(bytes, DEFAULT_TYPE, options, entry?.object, this.#nextTag(), now);
    this.#table.store(namespace, address, entry, object, now);
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
    const entry = this.#table.live(namespace.uuid, address, now);
    requireCondition(options.condition, entry?.object);
    const sum = addTo(entry?.object, by);
    const object = counted(sum, options, entry?.object, this.#nextTag(), now);
    this.#table.store(namespace, address, entry, object, now);
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
    const entry = this.#table.live(namespace.uuid, address, now);
    if (condition) requireCondition(condition, entry?.object);
    if (!entry) throw notFound();
    this.#table.drop(entry);
    return entry.object;
  }

  /** Removes all objects of a color. */
  clear({ uuid }: ObjectNamespace, color: string): void {
    for (const entry of this.#table.index.color(uuid, color).values()) this.#table.drop(entry);
  }

  /**
   * Keeps the memory of an object counted that another one has just replaced, or that was deleted: `restore` may need it.
   * @returns a function to call once, at the end.
   */
  retain(namespace: ObjectNamespace, address: ObjectAddress, object: StoredObject): () => void {
    return this.#table.retain(namespace, address, object);
  }

  /**
   * Takes a change back: puts the object before it in its place, or removes the object if there was none or its time is over. Needs no
   * room, since the memory of the earlier object was counted until now: see `retain`.
   */
  restore(namespace: ObjectNamespace, address: ObjectAddress, before: StoredObject | undefined, now: number): void {
    const entry = this.#table.live(namespace.uuid, address, now);
    if (before && !isExpired(before, now)) {
      this.#table.replace(namespace, address, entry, before, now);
      return;
    }
    if (entry) this.#table.drop(entry);
    if (before) this.#table.noteEnd(placeOf(namespace.uuid, address), before, now);
  }

  /**
   * Moves objects of a color from one namespace to another one, where they replace those with the same keys. Needs no room.
   * @param to undefined: they are removed.
   * @returns the moved objects by their keys.
   */
  move(
    from: ObjectNamespace,
    to: ObjectNamespace | undefined,
    color: string,
    isMoved: (object: StoredObject, key: string) => boolean,
    now: number,
  ): { readonly key: string; readonly object: StoredObject }[] {
    const moved: { key: string; object: StoredObject }[] = [];
    for (const { address, object } of this.#table.index.color(from.uuid, color).values()) {
      if (!isMoved(object, address.key)) continue;
      const entry = this.#table.live(from.uuid, address, now);
      if (!entry) continue;
      this.#table.drop(entry);
      if (to) this.#table.replace(to, address, this.#table.live(to.uuid, address, now), object, now);
      moved.push({ key: address.key, object });
    }
    return moved;
  }

  /** The objects of a color by prefix, in the order of their keys' UTF-16 units. */
  list(
    { uuid }: ObjectNamespace,
    asked: Pick<ListRequest, 'color' | 'prefix' | 'after' | 'limit'>,
    now: number,
  ): ObjectList {
    return listed(this.#table.index.color(uuid, asked.color), asked, now);
  }

  /** The keys of a color's objects that are never evicted, in any order. Lists would sort all keys again for each page. */
  keptKeys({ uuid }: ObjectNamespace, color: string): string[] {
    return [...this.#table.index.color(uuid, color)].flatMap(([key, { kept }]) => (kept ? [key] : []));
  }

  /** Whether a color has no objects. */
  isEmpty({ uuid }: ObjectNamespace, color: string): boolean {
    return this.#table.index.color(uuid, color).size === 0;
  }

  /** The colors that have objects. */
  colors(): { readonly namespace: ObjectNamespace; readonly color: string }[] {
    return this.#table.index.colors();
  }

  /** Calls `tell` with `keptBytes` after each change of it. Only the latest one is called. */
  onKept(tell: (bytes: number) => void): void {
    this.#table.room.onKept = tell;
  }

  /**
   * Changes the bound, and evicts what exceeds it. Reserved and held memory may exceed it until it is released, and
   * replicated objects for as long as they exist. Their own bound stays.
   */
  resize(boundBytes: number): void {
    this.#table.room.resize(boundBytes);
  }

  /** Removes expired objects. To be called every `EXPIRY_MS` while `expiring` is not 0. */
  expire(now: number): void {
    this.#table.expire(now);
  }

  /**
   * Whether the time of a replicated object was over here a short time ago: a copy of it in another invoker may still exist. `maybe`:
   * too many have ended to remember all of them.
   */
  hasEnded({ uuid }: ObjectNamespace, address: ObjectAddress, now: number): 'yes' | 'maybe' | 'no' {
    return this.#table.hasEnded(uuid, address, now);
  }

  /** The number of objects with a TTL. */
  get expiring(): number {
    return this.#table.expiring;
  }

  get usedBytes(): number {
    return this.#table.room.usedBytes;
  }

  /** The memory of replicated objects and copies of them, in bytes: they are never evicted. */
  get keptBytes(): number {
    return this.#table.room.keptBytes;
  }

  get boundBytes(): number {
    return this.#table.room.boundBytes;
  }

  counts(): MemoryCounts {
    const { boundBytes, usedBytes, keptBytes, evictions, refusals } = this.#table.room;
    return {
      boundBytes,
      usedBytes,
      keptBytes,
      objects: this.#table.index.size,
      namespaces: this.#table.index.namespaces.size,
      waits: this.#table.waits,
      hits: this.#hits,
      misses: this.#misses,
      evictions,
      refusals,
    };
  }

  /** The evictions since the last call, by the names of the namespaces. */
  takeEvicted(): { readonly name: string; readonly evictions: number }[] {
    return this.#table.room.takeEvicted();
  }

  /**
   * The `most` namespaces with the most memory, in descending order. The copies of replicated objects are in namespaces
   * of their own, but with the name of the original: they count as its use.
   */
  largest(most: number): NamespaceUse[] {
    const byName = new Map<string, NamespaceUse>();
    for (const { name, usedBytes, objects, evictions } of this.#table.index.namespaces.values()) {
      const others = byName.get(name) ?? { bytes: 0, objects: 0, evictions: 0 };
      byName.set(name, {
        name,
        bytes: others.bytes + usedBytes,
        objects: others.objects + objects,
        evictions: others.evictions + evictions,
      });
    }
    return [...byName.values()].toSorted((a, b) => b.bytes - a.bytes).slice(0, most);
  }

  #nextTag(): string {
    return `"${this.#epoch}-${(++this.#version).toString(36)}"`;
  }

  #requireSize(bytes: number): void {
    if (bytes > MAX_OBJECT_BYTES) {
      throw new ObjectError(413, `An object has at most ${MAX_OBJECT_BYTES} bytes.`);
    }
  }
}
