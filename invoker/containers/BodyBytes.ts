/** So many chunks are kept as they came. */
const MAX_CHUNKS = 64;

/**
 * Collects the bytes of a body of a known length. A container may send it in millions of tiny chunks, each of which would take
 * far more memory than its bytes: they are copied together.
 */
export class BodyBytes {
  readonly #capacity: number;
  #chunks: Buffer[] = [];
  #length = 0;
  #whole: Buffer | undefined;

  /** @param capacity bytes that are kept at most; what comes after them is dropped. */
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
