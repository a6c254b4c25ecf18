import { ObjectError } from '../../../shared/objects/ObjectError.js';
import type { Entry, Namespace } from './entries.js';
import type { ObjectIndex } from './ObjectIndex.js';
import type { ReadCopies } from './ReadCopies.js';
import { victims } from './victims.js';

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
}

/**
 * The memory of objects: how much is used, and room for more, by evictions if necessary. Memory is counted before it is
 * taken.
 */
export class Room {
  readonly #parts: RoomParts;
  #boundBytes: number;
  #usedBytes = 0;
  #evictions = 0;
  /** To be taken. Bounded by the number of objects. */
  readonly #evicted = new Map<string, number>();
  #refusals = 0;

  constructor(parts: RoomParts) {
    this.#parts = parts;
    this.#boundBytes = parts.boundBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
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

  /**
   * Makes room for `bytes` more of a namespace.
   * @throws ObjectError 429 (the namespace's limit), 503 (no memory)
   */
  make(owner: Namespace, bytes: number, existing: Existing): void {
    try {
      this.#require(owner, bytes, existing);
    } catch (error) {
      this.#parts.index.forgetEmpty(owner);
      throw error;
    }
  }

  /** Makes room for another key of a color. @throws ObjectError 429 if the color is full */
  makeForKey(owner: Namespace, color: string): void {
    const { index, maxKeysPerColor, maxObjects } = this.#parts;
    const keys = owner.colors.get(color)?.size ?? 0;
    if (keys >= maxKeysPerColor) {
      throw new ObjectError(429, `The color has ${keys} objects, the most for one: delete some, or use more colors.`);
    }
    if (index.size < maxObjects) return;
    const all = [...index.namespaces.values()];
    const fullest = all.reduce((most, each) => (each.objects > most.objects ? each : most));
    for (const entry of fullest.recency) {
      if (entry.holds > 0) continue;
      return this.#evict(entry);
    }
  }

  /** Changes the bound, and evicts what exceeds it. Reserved and held memory may exceed it until it is released. */
  resize(boundBytes: number): void {
    this.#boundBytes = boundBytes;
    this.#freeCopies(0);
    while (this.#usedBytes > boundBytes) {
      // Evict object by object: the last ones may not be enough.
      const [victim] = victims<Entry>(this.#parts.index.namespaces.values(), boundBytes, undefined, 1, 0) ?? [];
      if (!victim) return;
      this.#evict(victim);
    }
  }

  #require(owner: Namespace, bytes: number, { replaced = 0, spared }: Existing): void {
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
    if (missing <= 0 || bytes <= 0) return;
    if (bytes > this.#boundBytes) {
      throw this.#noMemory(`This invoker has memory for ${this.#boundBytes} bytes of objects now.`);
    }
    // The object must stay until it is replaced.
    if (spared) spared.holds++;
    const chosen = victims<Entry>(index.namespaces.values(), bound, owner, missing, bytes);
    if (spared) spared.holds--;
    if (!chosen) throw this.#noMemory('This invoker has no memory for the object now.');
    for (const victim of chosen) this.#evict(victim);
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
