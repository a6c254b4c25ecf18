import type { StoredObject } from './StoredObject.js';

/** An object of another invoker, as it was read last. */
interface Entry {
  /** Undefined while its bytes arrive. */
  object: StoredObject | undefined;
  readonly cost: number;
  /** The number of responses that send it. */
  holds: number;
  gone: boolean;
}

/** Room for the bytes of a copy that arrive. Exactly one of both is to be called. */
export interface CopyRoom {
  readonly keep: (object: StoredObject) => void;
  readonly release: () => void;
}

/** Smaller objects take less time than the request that checks whether they have changed. */
const MIN_BYTES = 32 * 1024;
/** The memory of a copy in addition to its bytes. */
const OVERHEAD_BYTES = 1024;
/** The part of the bound of all objects that copies may use. */
const PART = 1 / 4;

/**
 * Read-only copies of objects whose home is another invoker. They are checked with the home at each read, so that only the
 * first read moves the bytes. They use memory that objects leave, and give it back at once: see `free`.
 */
export class ReadCopies {
  /** The least recently used one comes first. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  /** Their memory, with that of copies that arrive or are sent. */
  get bytes(): number {
    return this.#bytes;
  }

  get count(): number {
    return this.#entries.size;
  }

  /** @param place the namespace, color and key. */
  get(place: string): StoredObject | undefined {
    const entry = this.#entries.get(place);
    if (!entry?.object) return undefined;
    this.#entries.delete(place);
    this.#entries.set(place, entry);
    return entry.object;
  }

  /** Keeps the memory of a copy counted while it is sent. @returns a function to call once, at the end. */
  hold(place: string, object: StoredObject): (() => void) | undefined {
    const entry = this.#entries.get(place);
    if (entry?.object !== object) return undefined;
    entry.holds++;
    return () => {
      entry.holds--;
      if (entry.gone && entry.holds === 0) this.#bytes -= entry.cost;
    };
  }

  /**
   * Makes room for a copy, at the cost of other copies.
   * @param boundBytes of all objects; `freeBytes`: what objects leave of it.
   * @returns undefined if the object is too small for a copy, or if the memory is full.
   */
  reserve(place: string, bytes: number, boundBytes: number, freeBytes: number): CopyRoom | undefined {
    const cost = bytes + 2 * place.length + OVERHEAD_BYTES;
    const most = Math.min(boundBytes * PART, freeBytes);
    if (bytes < MIN_BYTES || cost > most) return undefined;
    this.drop(place);
    this.free(this.#bytes + cost - most);
    if (this.#bytes + cost > most) return undefined;
    const entry: Entry = { object: undefined, cost, holds: 1, gone: false };
    this.#entries.set(place, entry);
    this.#bytes += cost;
    const end = (): void => {
      entry.holds--;
      if (entry.gone) this.#bytes -= cost;
    };
    return {
      keep: (object) => {
        entry.object = object;
        end();
      },
      release: () => {
        if (this.#entries.get(place) === entry) this.drop(place);
        end();
      },
    };
  }

  drop(place: string): void {
    const entry = this.#entries.get(place);
    if (!entry) return;
    this.#entries.delete(place);
    entry.gone = true;
    if (entry.holds === 0) this.#bytes -= entry.cost;
  }

  /**
   * Gives memory back: the least recently used copies go, apart from those that are sent or arrive.
   * @param bytes 0 or less: none.
   */
  free(bytes: number): void {
    const end = this.#bytes - bytes;
    for (const [place, { holds }] of this.#entries) {
      if (this.#bytes <= end) return;
      if (holds === 0) this.drop(place);
    }
  }
}
