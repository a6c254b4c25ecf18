const NONE = Buffer.alloc(0);
/** With less room, a read into it gets less than a read into another buffer. */
const MIN_PLACE_BYTES = 64 * 1024;

/**
 * Collects the bytes of a body of a known length. The first chunk is copied twice, each other chunk once, unless it was read into
 * `place`. The chunks are not kept, since a container may send millions of tiny ones, which take far more memory than their bytes.
 */
export class BodyBytes {
  readonly #capacity: number;
  #whole: Buffer | undefined;
  #length = 0;

  /** @param capacity the most bytes to keep; further bytes are dropped. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** @param chunk may change after the call. */
  push(chunk: Buffer): void {
    // The first bytes may come before there is room for the rest: see `ContainerClient`.
    if (!this.#whole) {
      this.#whole = Buffer.from(chunk.subarray(0, this.#capacity));
      this.#length = this.#whole.length;
      return;
    }
    if (this.#whole.length < this.#capacity) {
      const whole = Buffer.allocUnsafe(this.#capacity);
      this.#whole.copy(whole);
      this.#whole = whole;
    }
    const { buffer, byteOffset } = this.#whole;
    const isThere = chunk.buffer === buffer && chunk.byteOffset === byteOffset + this.#length;
    // No more than there is room for: a chunk may come from the pool of Node.js, as a small body does.
    if (isThere && chunk.length <= this.#capacity - this.#length) this.#length += chunk.length;
    else this.#length += chunk.copy(this.#whole, this.#length);
  }

  /**
   * The place of the next bytes, so that they can be read right into it: then `push` them. Undefined while there is none, or
   * little room. The place is for one read only, and not for more after the body is complete.
   */
  place(): Buffer | undefined {
    if (!this.#whole || this.#whole.length < this.#capacity) return undefined;
    return this.#capacity - this.#length < MIN_PLACE_BYTES ? undefined : this.#whole.subarray(this.#length);
  }

  bytes(): Buffer {
    return this.#whole?.subarray(0, this.#length) ?? NONE;
  }
}
