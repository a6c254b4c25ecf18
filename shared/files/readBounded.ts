import { closeSync, openSync, readSync } from 'node:fs';

const MB = 1024 * 1024;

/** The most bytes of a file that an operator names, such as a list of users. */
const MAX_BYTES = 16 * MB;

/**
 * The bytes of a file, or of a pipe, that an operator names.
 * @throws Error if it cannot be read or has more than `maxBytes`
 */
export function readBounded(path: string, maxBytes = MAX_BYTES): Buffer {
  const file = openSync(path, 'r');
  try {
    const chunks: Buffer[] = [];
    for (let left = maxBytes + 1; ;) {
      const chunk = Buffer.allocUnsafe(Math.min(left, 64 * 1024));
      const length = readSync(file, chunk);
      if (length === 0) return Buffer.concat(chunks);
      left -= length;
      if (left === 0) throw new Error(`${path} holds over ${maxBytes} bytes`);
      chunks.push(chunk.subarray(0, length));
    }
  } finally {
    closeSync(file);
  }
}
