import { MAX_OBJECT_BYTES } from '../../../shared/objects/bounds.js';

const NO_SEGMENTS: readonly Uint8Array[] = [];
const SMALLEST_TAIL = 64;
const LARGEST_TAIL = 1024 * 1024;

/** A buffer that is filled from its start. Several `ObjectBytes` share it, each with its own length. */
interface Tail {
  readonly buffer: Uint8Array;
  filled: number;
}

/**
 * The bytes of an object: immutable, in segments. Appending shares the segments, so that its cost depends on the
 * appended bytes only.
 */
export class ObjectBytes {
  static readonly EMPTY = new ObjectBytes(NO_SEGMENTS, 0, undefined, 0);

  readonly #segments: readonly Uint8Array[];
  readonly #segmentBytes: number;
  readonly #tail: Tail | undefined;
  readonly #tailLength: number;

  private constructor(segments: readonly Uint8Array[], bytes: number, tail: Tail | undefined, tailLength: number) {
    this.#segments = segments;
    this.#segmentBytes = bytes;
    this.#tail = tail;
    this.#tailLength = tailLength;
  }

  /** Takes over segments, which must not change any more and must not be part of a larger shared buffer. */
  static of(...segments: readonly Uint8Array[]): ObjectBytes {
    const filled = segments.filter(({ length }) => length > 0);
    const bytes = filled.reduce((sum, { length }) => sum + length, 0);
    return bytes === 0 ? ObjectBytes.EMPTY : new ObjectBytes(filled, bytes, undefined, 0);
  }

  /** A copy of the text as UTF-8. */
  static ofText(text: string): ObjectBytes {
    const buffer = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
    buffer.write(text);
    return ObjectBytes.of(buffer);
  }

  get length(): number {
    return this.#segmentBytes + this.#tailLength;
  }

  /** The memory of the bytes, with the room for appended ones. */
  get capacity(): number {
    return this.#segmentBytes + (this.#tail?.buffer.length ?? 0);
  }

  /** The bytes in order. */
  pieces(): Uint8Array[] {
    if (!this.#tail) return [...this.#segments];
    return [...this.#segments, this.#tail.buffer.subarray(0, this.#tailLength)];
  }

  /** All bytes as text. Only for short objects. */
  text(): string {
    return Buffer.concat(this.pieces()).toString();
  }

  /** The memory in bytes that `append` takes in addition for `bytes` more. */
  growth(bytes: number): number {
    const room = this.#room();
    return bytes <= room ? 0 : this.#newTail(bytes - room) - this.#unusable();
  }

  /** The bytes followed by a copy of `data`. */
  append(data: Uint8Array): ObjectBytes {
    if (data.length === 0) return this;
    const room = Math.min(this.#room(), data.length);
    // Before the room is taken.
    const nextLength = this.#newTail(data.length - room);
    const tail = this.#tail;
    if (tail) {
      tail.buffer.set(data.subarray(0, room), tail.filled);
      tail.filled += room;
    }
    const tailLength = this.#tailLength + room;
    if (room === data.length) return new ObjectBytes(this.#segments, this.#segmentBytes, tail, tailLength);
    const full = tail ? [...this.#segments, ownedPart(tail.buffer, tailLength)] : this.#segments;
    const fullBytes = this.#segmentBytes + tailLength;
    const rest = data.subarray(room);
    const next: Tail = { buffer: Buffer.allocUnsafeSlow(nextLength), filled: rest.length };
    next.buffer.set(rest);
    return new ObjectBytes(full, fullBytes, next, rest.length);
  }

  /** The room in the tail; 0 if another object has appended to it. */
  #room(): number {
    return this.#tail?.filled === this.#tailLength ? this.#tail.buffer.length - this.#tailLength : 0;
  }

  /** The part of the tail that a copy replaces, because another object has appended to it. */
  #unusable(): number {
    if (!this.#tail || this.#room() > 0) return 0;
    return this.#tail.buffer.length - this.#tailLength;
  }

  /**
   * The size of another tail: as large as the object so far, within bounds, so that there are few segments. No room
   * beyond the largest object: it would count against its limit.
   */
  #newTail(bytes: number): number {
    const useful = MAX_OBJECT_BYTES - this.length - this.#room();
    return Math.max(bytes, Math.min(LARGEST_TAIL, Math.max(SMALLEST_TAIL, this.length), useful));
  }
}

/** The first bytes of a buffer; copied if the rest would stay in memory without use. */
function ownedPart(buffer: Uint8Array, length: number): Uint8Array {
  if (length === buffer.length) return buffer;
  const copy = Buffer.allocUnsafeSlow(length);
  copy.set(buffer.subarray(0, length));
  return copy;
}
