import { isUtf8 } from 'node:buffer';
import { MAX_DEPTH } from '../../shared/entities/nesting.js';
import { nextTurn, SLICE } from '../../shared/entities/turns.js';

/** A JSON text that was not parsed. */
export interface JsonText {
  readonly kind: 'object' | 'array' | 'other';
  /** Whether it is an object without fields or an array without values. */
  readonly empty: boolean;
  /** The fields of the object that were asked for. */
  readonly fields: ReadonlySet<string>;
}

/**
 * Reads what a JSON text is, without parsing it. Gives other work its turn.
 * @param names the fields of the outermost object that the caller wants to know of.
 * @returns undefined unless the bytes are one value that stays one value within a larger JSON text: UTF-8 whose quotes,
 * braces and brackets belong together, less deep than `MAX_DEPTH`. What is between them may still be invalid.
 */
export async function readJsonText(
  bytes: Buffer,
  names: ReadonlySet<string> = NO_NAMES,
): Promise<JsonText | undefined> {
  if (!isUtf8(bytes)) return undefined;
  const start = skipSpace(bytes, 0);
  const first = bytes[start];
  if (first !== OPEN_OBJECT && first !== OPEN_LIST) return isScalar(bytes) ? OTHER : undefined;
  const scan = new Scan(bytes, start, names);
  while (scan.run(SLICE)) await nextTurn();
  const { end, fields } = scan;
  // Nothing may follow.
  if (end === undefined || skipSpace(bytes, end) < bytes.length) return undefined;
  const empty = skipSpace(bytes, start + 1) === end - 1;
  return { kind: first === OPEN_OBJECT ? 'object' : 'array', empty, fields };
}

const NO_NAMES: ReadonlySet<string> = new Set();
const OTHER: JsonText = { kind: 'other', empty: false, fields: NO_NAMES };

const QUOTE = 0x22;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** 1 for the bytes that begin and end strings, objects and lists. */
const SPECIAL = new Uint8Array(256);
for (const byte of [QUOTE, OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT]) SPECIAL[byte] = 1;

/** Goes through the bytes of an object or a list. */
class Scan {
  /** The index after it; undefined before its end and if it has none. */
  end: number | undefined;
  readonly fields = new Set<string>();
  readonly #bytes: Buffer;
  readonly #names: ReadonlySet<string>;
  readonly #longest: number;
  /** What closes the open objects and lists, the outermost one first. */
  readonly #open: number[] = [];
  #at: number;

  constructor(bytes: Buffer, start: number, names: ReadonlySet<string>) {
    this.#bytes = bytes;
    this.#at = start;
    this.#names = names;
    this.#longest = Math.max(0, ...[...names].map((name) => name.length));
  }

  /** Goes on for about so many bytes. @returns whether there is more to do. */
  run(slice: number): boolean {
    const bytes = this.#bytes;
    const { length } = bytes;
    const limit = Math.min(length, this.#at + slice);
    let at = this.#at;
    while (at < limit) {
      const byte = bytes[at] ?? 0;
      if (SPECIAL[byte] === 0) at++;
      else if (byte === QUOTE) {
        const end = endOfString(bytes, at);
        if (end < 0) return false;
        if (this.#open.length === 1 && this.#names.size > 0) this.#note(at, end);
        at = end;
      } else {
        at++;
        if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
          if (this.#open.push(byte === OPEN_OBJECT ? CLOSE_OBJECT : CLOSE_LIST) >= MAX_DEPTH) return false;
        } else if (this.#open.pop() !== byte) return false;
        else if (this.#open.length === 0) {
          this.end = at;
          return false;
        }
      }
    }
    this.#at = at;
    return at < length;
  }

  /** Notes a string of the outermost object if it is one of the names. */
  #note(start: number, end: number): void {
    const bytes = this.#bytes;
    // Each character may be written as six, such as \u0061.
    if (end - start - 2 > 6 * this.#longest || bytes[skipSpace(bytes, end)] !== COLON) return;
    const name = parsed(bytes.toString('utf8', start, end));
    if (typeof name === 'string' && this.#names.has(name)) this.fields.add(name);
  }
}

/** The index after the string whose first quote is at `start`; -1 if it has no end. */
function endOfString(bytes: Buffer, start: number): number {
  // Most strings are short: a call of a native function costs more than a few bytes.
  let at = start + 1;
  for (const near = Math.min(bytes.length, at + 64); at < near; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) return at + 1;
    if (byte === BACKSLASH) at++;
  }
  for (;;) {
    const quote = bytes.indexOf(QUOTE, at);
    if (quote < 0) return -1;
    let backslashes = 0;
    while (quote - backslashes > at && bytes[quote - 1 - backslashes] === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return quote + 1;
    at = quote + 1;
  }
}

function skipSpace(bytes: Buffer, start: number): number {
  let at = start;
  while (bytes[at] === 0x20 || bytes[at] === 0x0a || bytes[at] === 0x0d || bytes[at] === 0x09) at++;
  return at;
}

/** Whether the bytes are a text, a number or a literal. */
const isScalar = (bytes: Buffer): boolean => parsed(bytes.toString()) !== undefined;

/** The value of a JSON text; undefined if it is invalid. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
