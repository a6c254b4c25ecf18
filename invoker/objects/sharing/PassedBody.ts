import type { ServerResponse } from 'node:http';
import type { BodyTaker, Flow } from './PeerReads.js';

/** Shorter bodies are sent as a whole: one write wakes the caller once. */
const WHOLE_BYTES = 128 * 1024;
/** The size of a place for parts of longer bodies. */
const PIECE_BYTES = 128 * 1024;
const NOTHING = Buffer.alloc(0);

/** Passes the body of a peer's response on to a caller, no faster than the caller takes it. */
export class PassedBody implements BodyTaker {
  readonly #response: ServerResponse;
  readonly #flow: Flow;
  readonly #isWhole: boolean;
  /** The bytes that have not come. */
  #missing: number;
  /** Where bytes go. They do not change any more, so that the response can keep them. */
  #piece: Buffer;
  #filled = 0;
  #isPaused = false;

  /**
   * @param length of the body, in bytes.
   * @param whole the place of the whole body; undefined: the body need not stay.
   */
  constructor(response: ServerResponse, length: number, whole: Buffer | undefined, flow: Flow) {
    this.#response = response;
    this.#flow = flow;
    this.#isWhole = length <= WHOLE_BYTES;
    this.#missing = length;
    this.#piece = whole ?? NOTHING;
  }

  place(): Buffer {
    if (this.#filled === this.#piece.length) {
      // Not a part of Node's pool, which would stay in memory as long as a slow caller needs these bytes.
      this.#piece = Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, this.#missing));
      this.#filled = 0;
    }
    return this.#piece.subarray(this.#filled);
  }

  data(chunk: Buffer): void {
    for (let rest = chunk; rest.length > 0;) {
      const place = this.place();
      const length = Math.min(place.length, rest.length);
      // It may have been read into its place.
      if (rest.buffer !== place.buffer || rest.byteOffset !== place.byteOffset) rest.copy(place, 0, 0, length);
      rest = rest.subarray(length);
      this.#filled += length;
      this.#missing -= length;
      if (!this.#isWhole) this.#send(place.subarray(0, length));
    }
  }

  end(): void {
    if (this.#isWhole && this.#filled > 0) this.#response.end(this.#piece);
    else this.#response.end();
  }

  #send(part: Buffer): void {
    if (this.#response.write(part) || this.#isPaused) return;
    this.#isPaused = true;
    this.#flow.pause();
    this.#response.once('drain', () => {
      this.#isPaused = false;
      this.#flow.resume();
    });
  }
}
