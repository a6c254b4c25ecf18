const NEWLINE = 0x0a;

/**
 * Separates the last line of a stream from the lines before it. Passes each piece on as soon as it cannot belong to the
 * last line. A newline at the end of the stream belongs to the last line.
 */
export class LastLine {
  readonly #pass: (chunk: Buffer) => void;
  readonly #maxBytes: number;
  /** The pieces of the last line so far. */
  #held: Buffer[] = [];
  #bytes = 0;
  #overflowed = false;
  /** Whether the stream ends with a newline so far. */
  #complete = false;

  /** @param maxBytes the limit for the last line. A longer one is passed on, too, and `end` returns undefined. */
  constructor(pass: (chunk: Buffer) => void, maxBytes: number) {
    this.#pass = pass;
    this.#maxBytes = maxBytes;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    if (this.#complete) this.#release();
    this.#complete = chunk.at(-1) === NEWLINE;
    const end = chunk.length < 2 ? -1 : chunk.lastIndexOf(NEWLINE, chunk.length - 2);
    if (end >= 0) {
      this.#release();
      this.#pass(chunk.subarray(0, end + 1));
    }
    this.#held.push(chunk.subarray(end + 1));
    this.#bytes += chunk.length - end - 1;
    if (this.#bytes <= this.#maxBytes) return;
    this.#release();
    this.#overflowed = true;
  }

  /** The last line without surrounding white space; undefined if it was too long. */
  end(): string | undefined {
    return this.#overflowed ? undefined : Buffer.concat(this.#held).toString().trim();
  }

  #release(): void {
    for (const piece of this.#held) this.#pass(piece);
    this.#held = [];
    this.#bytes = 0;
    this.#overflowed = false;
  }
}
