import { closeSync, openSync, readdirSync, readFileSync, renameSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { allocate } from '../../files/allocate.js';
import { readLines } from './logLine.js';
import { LANES, type Flushable } from './SharedFlush.js';

const NAME = /^(\d{8})\.log$/;

/** A file of an `EntryLog`. */
export interface Segment extends Flushable {
  readonly number: number;
  /** The descriptor for writes. */
  readonly file: number;
  readonly size: number;
  used: number;
  /** The bytes of lines of live entries. */
  live: number;
  /** The last move of its live entries while their new lines are not durable; 0: none. */
  move: number;
}

/** The position of an entry's line. */
export interface Place {
  readonly segment: Segment;
  readonly at: number;
  readonly bytes: number;
  /** The number of the put that wrote the entry. It stays the same if the entry moves. */
  readonly put: number;
}

/** Makes a file with its whole space. @returns its descriptor @throws the file system's error */
export function createFile(path: string, size: number): number {
  const fresh = `${path}.new`;
  const file = openSync(fresh, 'w+', 0o600);
  try {
    allocate(file, 0, size);
  } catch (error) {
    closeSync(file);
    unlinkSync(fresh);
    throw error;
  }
  renameSync(fresh, path);
  return file;
}

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

/** The number of the segment with this file name; undefined for other files. */
export function numberOf(name: string): number | undefined {
  const [, digits] = NAME.exec(name) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

/** A segment of which some lines cannot be read. */
export interface Damage {
  readonly path: string;
  readonly bytes: number;
}

/** The segments with damaged lines in a folder. A server may write to them. */
export function damageIn(folder: string): Damage[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return damageIn(path);
    const number = numberOf(entry.name);
    if (number === undefined) return [];
    const bytes = [...readLines(readFileSync(path), number)].reduce((sum, { damaged }) => sum + damaged, 0);
    return bytes > 0 ? [{ path, bytes }] : [];
  });
}
