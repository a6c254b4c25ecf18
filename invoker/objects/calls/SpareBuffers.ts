/** The most bytes to keep. */
const MAX_BYTES = 16 * 1024 * 1024;
/** Smaller copies cost little: their buffers are not used again. */
export const MIN_SPARE_BYTES = 64 * 1024;
/** Buffers have a multiple of such a size, so that copies of similar sizes fit. Memory is counted by the copies' sizes. */
const STEP_BYTES = 256 * 1024;
const SMALL_STEP_BYTES = 64 * 1024;
/** Smaller copies have the small step. */
const SMALL_BYTES = 1024 * 1024;
/** A buffer may be larger than a copy needs by this part of its size. */
const MAX_WASTE = 1 / 4;

/**
 * Buffers of copies that are done with. The next copy takes one of them: memory that is allocated anew for each large copy
 * makes the garbage collector run often, and the system clear pages.
 */
export class SpareBuffers {
  readonly #spare: ArrayBuffer[] = [];
  #bytes = 0;
  #busy = false;

  /** The bytes that it keeps. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A buffer with room for `length` bytes. It may contain other bytes: all that are read must be overwritten before. */
  take(length: number): ArrayBuffer {
    this.#busy = true;
    if (length < MIN_SPARE_BYTES) return unfilled(length);
    const step = length < SMALL_BYTES ? SMALL_STEP_BYTES : STEP_BYTES;
    const most = length + Math.max(step, length * MAX_WASTE);
    const at = this.#spare.findIndex(({ byteLength }) => byteLength >= length && byteLength <= most);
    const [found] = at < 0 ? [] : this.#spare.splice(at, 1);
    if (!found) return unfilled(Math.ceil(length / step) * step);
    this.#bytes -= found.byteLength;
    return found;
  }

  /** Keeps a buffer that nobody uses any more, if there is room. */
  give(buffer: ArrayBuffer): void {
    this.#busy = true;
    if (buffer.byteLength < MIN_SPARE_BYTES || this.#bytes + buffer.byteLength > MAX_BYTES) return;
    this.#spare.push(buffer);
    this.#bytes += buffer.byteLength;
  }

  /** Lets the buffers go if none was used since the last call. */
  tidy(): void {
    if (!this.#busy) {
      this.#spare.length = 0;
      this.#bytes = 0;
    }
    this.#busy = false;
  }
}

/** Not filled with zeros first, and not a part of Node's pool, which cannot move to another thread. */
const unfilled = (length: number): ArrayBuffer => Buffer.allocUnsafeSlow(length).buffer;
