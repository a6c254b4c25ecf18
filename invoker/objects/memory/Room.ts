import { ObjectError } from '../../../shared/objects/ObjectError.js';
import type { Entry, Namespace } from './entries.js';
import type { ObjectIndex } from './ObjectIndex.js';
import type { ReadCopies } from './ReadCopies.js';
import { victims, victimsOfBound } from './victims.js';

export interface RoomParts {
  /** The most memory of all objects, in bytes; see `resize`. */
  readonly boundBytes: number;
  readonly maxObjects: number;
  readonly maxKeysPerColor: number;
  readonly index: ObjectIndex;
  /** Copies that use memory which objects leave. */
  readonly copies: ReadCopies | undefined;
  /** Removes an object for others. */
  readonly evict: (entry: Entry) => void;
}

/** What a write replaces. */
export interface Existing {
  /** The memory of the object that the write will replace. */
  readonly replaced?: number;
  /** The object that the write replaces: not to be evicted. */
  readonly spared?: Entry | undefined;
  /** Whether the memory is for another version of an object that is never evicted, and not larger than it. */
  readonly again?: boolean;
}

/** The part of the configured bound for objects that are never evicted. */
const KEPT_PART = 1 / 2;
/** A refusal for the bound of such objects does not pass by itself. */
const KEPT_RETRY_S = 5;

/**
 * The memory of objects: how much is used, and room for more, by evictions if necessary. Memory is counted before it is
 * taken.
 */
export class Room {
  /** Called with `keptBytes` after each change of it. */
  onKept: ((bytes: number) => void) | undefined;
  readonly #parts: RoomParts;
  /** The most memory of objects that are never evicted. */
  readonly #keptBoundBytes: number;
  #boundBytes: number;
  #usedBytes = 0;
  #keptBytes = 0;
  #evictions = 0;
  /** To be taken. Bounded by the number of objects. */
  readonly #evicted = new Map<string, number>();
  #refusals = 0;

  constructor(parts: RoomParts) {
    this.#parts = parts;
    this.#boundBytes = parts.boundBytes;
    this.#keptBoundBytes = Math.floor(parts.boundBytes * KEPT_PART);
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** The memory of objects that are never evicted, with removed ones that are still being sent. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  get boundBytes(): number {
    return this.#boundBytes;
  }

  get evictions(): number {
    return this.#evictions;
  }

  /** The number of writes that found no memory. */
  get refusals(): number {
    return this.#refusals;
  }

  /** The evictions since the last call, by the names of the namespaces. */
  takeEvicted(): { readonly name: string; readonly evictions: number }[] {
    const taken = [...this.#evicted].map(([name, evictions]) => ({ name, evictions }));
    this.#evicted.clear();
    return taken;
  }

  /** Counts memory. A namespace without any is forgotten. */
  charge(owner: Namespace, bytes: number): void {
    owner.usedBytes += bytes;
    this.#usedBytes += bytes;
    this.#parts.index.forgetEmpty(owner);
  }

  /** Counts the memory of an object. */
  take(entry: Entry): void {
    this.#keep(entry, entry.cost);
    this.charge(entry.owner, entry.cost);
  }

  /** Counts the memory of an object no more. */
  giveBack(entry: Entry): void {
    this.#keep(entry, -entry.cost);
    this.charge(entry.owner, -entry.cost);
  }

  /**
   * Checks the bounds of objects that are never evicted. Their own bound is half of the configured one: containers need
   * the rest of the memory.
   * @param bytes their additional memory. 0 or less: always possible.
   * @param isMoved the object comes from another invoker, which may be about to leave: only the present bound counts.
   * @throws ObjectError 503
   */
  requireKeepable(bytes: number, isMoved = false): void {
    if (bytes <= 0) return;
    const after = this.#keptBytes + bytes;
    if (after > this.#keptBoundBytes && !isMoved) {
      throw new ObjectError(
        503,
        `Replicated objects are never evicted, and use ${this.#keptBytes} of at most ${this.#keptBoundBytes} bytes of this ` +
          `invoker: ${bytes} more exceed that. Delete some, or give them a TTL.`,
        { retryAfterS: KEPT_RETRY_S },
      );
    }
    if (after > this.#boundBytes) throw this.#noMemory('This invoker has no memory for the replicated object now.');
  }

  /**
   * Makes room for `bytes` more of a namespace. For another version of an object that is never evicted there need be none:
   * both versions are in memory until the object is replaced. Such bytes are added to `Namespace.beyondBytes`, from which
   * the caller is to subtract them.
   * @returns whether there is room.
   * @throws ObjectError 429 (the namespace's limit), 503 (no memory)
   */
  make(owner: Namespace, bytes: number, existing: Existing): boolean {
    try {
      return this.#require(owner, bytes, existing);
    } catch (error) {
      this.#parts.index.forgetEmpty(owner);
      throw error;
    }
  }

  /** Makes room for another key of a color. @throws ObjectError 429 if the color is full, 503 if the invoker is */
  makeForKey(owner: Namespace, color: string): void {
    const { index, maxKeysPerColor, maxObjects } = this.#parts;
    const keys = owner.colors.get(color)?.size ?? 0;
    if (keys >= maxKeysPerColor) {
      throw new ObjectError(429, `The color has ${keys} objects, the most for one: delete some, or use more colors.`);
    }
    if (index.size < maxObjects) return;
    const victim = leastRecentOfFullest(index.namespaces.values());
    if (victim) return this.#evict(victim);
    index.forgetEmpty(owner);
    const message = `This invoker has ${index.size} objects, the most that it can have, and can evict none: delete some.`;
    throw new ObjectError(503, message, { retryAfterS: KEPT_RETRY_S });
  }

  /**
   * Changes the bound, and evicts what exceeds it. Reserved and held memory may exceed it until it is released, and objects
   * that are never evicted.
   */
  resize(boundBytes: number): void {
    this.#boundBytes = boundBytes;
    this.#freeCopies(0);
    while (this.#usedBytes > boundBytes) {
      // All at once: there may be very many, and each search looks at all namespaces. The shares change with a namespace that loses all.
      const chosen = victimsOfBound<Entry>(
        this.#parts.index.namespaces.values(),
        boundBytes,
        this.#usedBytes - boundBytes,
      );
      if (chosen.length === 0) return;
      for (const victim of chosen) this.#evict(victim);
    }
  }

  /**
   * Makes room within the limits of a namespace and a color for an object that the store has: others of them are evicted. It may exceed
   * the limit of the namespace afterwards: if none is left that can be evicted.
   */
  makeForLoaded(owner: Namespace, color: string, bytes: number): void {
    const keys = owner.colors.get(color);
    if (keys && keys.size >= this.#parts.maxKeysPerColor) {
      const victim = firstEvictable(keys.values());
      if (victim) this.#evict(victim);
    }
    let missing = owner.usedBytes + bytes - (owner.limitBytes ?? Infinity);
    const chosen: Entry[] = [];
    for (const entry of owner.recency) {
      if (missing <= 0) break;
      if (entry.holds > 0) continue;
      chosen.push(entry);
      missing -= entry.cost;
    }
    for (const entry of chosen) this.#evict(entry);
    this.#parts.index.forgetEmpty(owner);
  }

  #require(owner: Namespace, bytes: number, { replaced = 0, spared, again = false }: Existing): boolean {
    const { index, copies } = this.#parts;
    const { limitBytes } = owner;
    if (limitBytes !== undefined && bytes > 0 && owner.usedBytes - replaced + bytes > limitBytes) {
      throw new ObjectError(
        429,
        `The namespace uses ${owner.usedBytes} bytes for objects, and ${bytes} more exceed its limit of ${limitBytes}.`,
      );
    }
    this.#freeCopies(bytes);
    // The copies that are left are being sent.
    const bound = this.#boundBytes - (copies?.bytes ?? 0);
    const missing = this.#usedBytes + bytes - bound;
    if (missing <= 0 || bytes <= 0) return true;
    const isTooLarge = bytes > this.#boundBytes;
    // The object must stay until it is replaced.
    if (spared) spared.holds++;
    const chosen = isTooLarge ? undefined : victims<Entry>(index.namespaces.values(), bound, owner, missing, bytes);
    if (spared) spared.holds--;
    if (chosen) {
      for (const victim of chosen) this.#evict(victim);
      return true;
    }
    if (again && this.#mayExceed(owner, bytes)) {
      owner.beyondBytes += bytes;
      return false;
    }
    throw this.#noMemory(
      isTooLarge
        ? `This invoker has memory for ${this.#boundBytes} bytes of objects now.`
        : 'This invoker has no memory for the object now.',
    );
  }

  /**
   * Whether `bytes` may exceed the bound. A namespace may have two versions of each object that is never evicted. All of them together
   * may exceed the bound by the bound of such objects.
   */
  #mayExceed(owner: Namespace, bytes: number): boolean {
    const most = Math.max(this.#boundBytes, this.#keptBoundBytes) + this.#keptBoundBytes;
    return owner.beyondBytes + bytes <= owner.keptBytes && this.#usedBytes + bytes <= most;
  }

  #keep({ kept, owner }: Entry, bytes: number): void {
    if (!kept) return;
    owner.keptBytes += bytes;
    this.#keptBytes += bytes;
    this.onKept?.(this.#keptBytes);
  }

  /** Takes memory back from copies that `bytes` more need. */
  #freeCopies(bytes: number): void {
    const { copies } = this.#parts;
    copies?.free(this.#usedBytes + copies.bytes + bytes - this.#boundBytes);
  }

  #noMemory(message: string): ObjectError {
    this.#refusals++;
    return new ObjectError(503, message, { retryAfterS: 1 });
  }

  #evict(entry: Entry): void {
    this.#evictions++;
    entry.owner.evictions++;
    const { name } = entry.owner;
    this.#evicted.set(name, (this.#evicted.get(name) ?? 0) + 1);
    this.#parts.evict(entry);
  }
}

function firstEvictable(entries: Iterable<Entry>): Entry | undefined {
  for (const entry of entries) if (!entry.kept && entry.holds === 0) return entry;
  return undefined;
}

/** The least recently used object that can be evicted, of the namespace with the most objects that has one. */
function leastRecentOfFullest(namespaces: Iterable<Namespace>): Entry | undefined {
  let found: Entry | undefined;
  for (const { objects, recency } of namespaces) {
    if (found && objects <= found.owner.objects) continue;
    for (const entry of recency) {
      if (entry.holds > 0) continue;
      found = entry;
      break;
    }
  }
  return found;
}
