import type { StreamName } from '../logs/LogBuffer.js';

const HEADER_BYTES = 8;
const STDERR = 2;

/**
 * Decodes Docker's stream for a container without a terminal: frames of stdout and stderr, each after a header of eight
 * bytes (the stream's number, three zeros, the length). It may pass on a frame in pieces.
 */
export class FrameDecoder {
  readonly #write: (stream: StreamName, chunk: Buffer) => void;
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerLength = 0;
  #stream: StreamName = 'stdout';
  #left = 0;

  constructor(write: (stream: StreamName, chunk: Buffer) => void) {
    this.#write = write;
  }

  decode(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#left === 0) {
        const copied = chunk.copy(this.#header, this.#headerLength, at, at + HEADER_BYTES - this.#headerLength);
        this.#headerLength += copied;
        at += copied;
        if (this.#headerLength < HEADER_BYTES) return;
        this.#headerLength = 0;
        this.#stream = this.#header[0] === STDERR ? 'stderr' : 'stdout';
        this.#left = this.#header.readUInt32BE(4);
      } else {
        const part = chunk.subarray(at, at + this.#left);
        this.#left -= part.length;
        at += part.length;
        this.#write(this.#stream, part);
      }
    }
  }
}
