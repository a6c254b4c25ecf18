const NONE = Buffer.alloc(0);

/**
 * Collects the bytes of a body of a known length. The first chunk is copied twice, each other chunk once. The chunks are not kept,
 * since a container may send millions of tiny ones, which take far more memory than their bytes.
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
    this.#length += chunk.copy(this.#whole, this.#length);
  }

  bytes(): Buffer {
    return this.#whole?.subarray(0, this.#length) ?? NONE;
  }
}
