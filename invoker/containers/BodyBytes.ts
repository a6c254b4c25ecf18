const NONE = Buffer.alloc(0);

/**
 * Collects the bytes of a body of a known length: each is copied once. The chunks are not kept, since a container may send
 * millions of tiny ones, which take far more memory than their bytes.
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
    this.#whole ??= Buffer.allocUnsafe(this.#capacity);
    this.#length += chunk.copy(this.#whole, this.#length);
  }

  bytes(): Buffer {
    return this.#whole?.subarray(0, this.#length) ?? NONE;
  }
}
