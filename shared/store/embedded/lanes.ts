import { closeSync, openSync, writeSync } from 'node:fs';
import { LANES } from './SharedFlush.js';

/** The descriptors for flushes. The first one is the descriptor for writes. */
export function lanesOf(file: number, path: string): number[] {
  const lanes = [file];
  try {
    while (lanes.length < LANES) lanes.push(openSync(path, 'r'));
    return lanes;
  } catch (error) {
    closeAll(lanes);
    throw error;
  }
}

export function closeAll(files: readonly number[]): void {
  for (const file of files) closeSync(file);
}

/** Writes all bytes. @throws the file system's error */
export function writeAll(file: number, bytes: Buffer, position: number): void {
  for (let written = 0; written < bytes.length;) {
    written += writeSync(file, bytes, written, bytes.length - written, position + written);
  }
}
