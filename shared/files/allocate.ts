import { write as writeWithCallback, writeSync } from 'node:fs';
import { promisify } from 'node:util';

/**
 * The page cache keeps what was written at once in one unit of up to 2 MB, and a flush of a few bytes looks at all pages of its unit:
 * with 2 MB it takes twice the processor time of one with 16 KB, and counts as 2 MB written by the process.
 */
const PIECE = Buffer.alloc(16 * 1024);

/** Larger, since each piece needs a turn of the event loop. A flush of a page takes some µs longer than with 16 KB. */
const APPENDED = Buffer.alloc(128 * 1024);

const write = promisify(writeWithCallback);

/**
 * Writes zeros into a file from byte `from` up to `size`, so that the file system allocates their space.
 * @throws the file system's error, such as ENOSPC
 */
export function allocate(file: number, from: number, size: number): void {
  for (let at = from; at < size;) at += writeSync(file, PIECE, 0, Math.min(PIECE.length, size - at), at);
}

/**
 * Appends at most so many zeros to a file that was opened for appends, in a thread of libuv.
 * @returns how many
 * @throws the file system's error, such as ENOSPC
 */
export async function appendZeros(file: number, most: number): Promise<number> {
  const { bytesWritten } = await write(file, APPENDED, 0, Math.min(APPENDED.length, most), null);
  return bytesWritten;
}
