/** The most chunks to keep without copying them together. */
const MAX_CHUNKS = 64;

/**
 * Collects the bytes of a body of a known length. Copies chunks together, since a container may send millions of tiny
 * chunks, which take far more memory than their bytes.
 */
export class BodyBytes {
  readonly #capacity: number;
  #chunks: Buffer[] = [];
  #length = 0;
  #whole: Buffer | undefined;

  /** @param capacity the most bytes to keep; further bytes are dropped. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  push(chunk: Buffer): void {
    if (this.#whole) this.#copy(this.#whole, chunk);
    else {
      this.#chunks.push(chunk);
      if (this.#chunks.length > MAX_CHUNKS) this.#copyTogether();
    }
  }

  bytes(): Buffer {
    if (this.#whole) return this.#whole.subarray(0, this.#length);
    const [first] = this.#chunks;
    return first && this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks);
  }

  #copyTogether(): void {
    const whole = Buffer.allocUnsafe(this.#capacity);
    for (const chunk of this.#chunks) this.#copy(whole, chunk);
    this.#chunks = [];
    this.#whole = whole;
  }

  #copy(whole: Buffer, chunk: Buffer): void {
    this.#length += chunk.copy(whole, this.#length);
  }
}
