import { StringDecoder } from 'node:string_decoder';
import { JsonError } from './JsonError.js';

/** The bytes to collect before they are decoded to a piece of text. */
const COLLECTED = 16 * 1024;
/** Runs up to this length are copied byte by byte, which is faster than a call. */
const SHORT_RUN = 32;

/** The longest text in bytes. Only invalid UTF-8 exceeds it: each invalid byte becomes a character of three bytes. */
const MAX_LENGTH = 50 * 1024 * 1024;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** The byte after a backslash, and the character code of the escape. */
const ESCAPES: ReadonlyMap<number, number> = new Map([
  [QUOTE, QUOTE],
  [0x2f, 0x2f],
  [BACKSLASH, BACKSLASH],
  [0x62, 0x08],
  [0x66, 0x0c],
  [0x6e, 0x0a],
  [0x72, 0x0d],
  [0x74, 0x09],
]);
const REPLACEMENT = 0xfffd;

/**
 * A JSON string that arrives in chunks. Runs and escapes are collected as UTF-8, so that the text has few pieces: 48 MB
 * of escapes take no more memory than 48 MB of letters. A lone surrogate becomes a replacement character, since UTF-8
 * cannot express it.
 */
export class JsonText {
  #pieces: string[] = [];
  /** The length of the pieces in bytes of UTF-8. */
  #length = 0;
  readonly #bytes = Buffer.allocUnsafe(COLLECTED);
  #count = 0;
  readonly #decoder = new StringDecoder('utf8');
  /** The position in an escape: 0 outside, 1 after the backslash, 2 to 5 before each digit of `\uXXXX`. */
  #escape = 0;
  #unit = 0;
  /** A high surrogate without its low surrogate yet; 0: none. */
  #high = 0;

  get isInEscape(): boolean {
    return this.#escape > 0;
  }

  /** The expected input, for the message of an error. */
  get expected(): string {
    if (this.#escape === 0) return `'"'`;
    return this.#escape === 1 ? 'JSON escape sequence' : 'hex digit';
  }

  /**
   * Reads from the index `from`. @returns the index of the byte that ends the text (the quote or an invalid byte), or
   * -1 if the text continues after these bytes.
   */
  read(bytes: Uint8Array, from: number): number {
    let at = from;
    while (at < bytes.length) {
      if (this.#escape > 0) {
        if (!this.#escaped(bytes[at] ?? 0)) return at;
        at++;
        continue;
      }
      const start = at;
      at = endOfRun(bytes, at);
      if (at > start) this.#run(bytes, start, at);
      if (at === bytes.length) return -1;
      if (bytes[at] !== BACKSLASH) return at;
      this.#escape = 1;
      at++;
    }
    return -1;
  }

  /** Returns the whole text and starts the next one. */
  take(): string {
    this.#dropHigh();
    const last = this.#decoder.write(this.#bytes.subarray(0, this.#count)) + this.#decoder.end();
    this.#count = 0;
    if (this.#pieces.length === 0) return last;
    this.#pieces.push(last);
    const text = this.#pieces.join('');
    this.#pieces = [];
    this.#length = 0;
    return text;
  }

  #run(bytes: Uint8Array, from: number, to: number): void {
    this.#dropHigh();
    const length = to - from;
    this.#makeRoom(length);
    if (length > COLLECTED) {
      this.#addPiece(this.#decoder.write(Buffer.from(bytes.buffer, bytes.byteOffset + from, length)));
    } else if (length > SHORT_RUN) {
      this.#bytes.set(bytes.subarray(from, to), this.#count);
      this.#count += length;
    } else for (let at = from; at < to; at++) this.#bytes[this.#count++] = bytes[at] ?? 0;
  }

  #makeRoom(length: number): void {
    if (this.#count + length <= COLLECTED) return;
    this.#addPiece(this.#decoder.write(this.#bytes.subarray(0, this.#count)));
    this.#count = 0;
  }

  #addPiece(piece: string): void {
    this.#length += Buffer.byteLength(piece);
    if (this.#length > MAX_LENGTH) throw new JsonError(`Text too long: it has more than ${MAX_LENGTH} bytes`);
    this.#pieces.push(piece);
  }

  /** Handles a byte of an escape. @returns false if the byte is invalid. */
  #escaped(code: number): boolean {
    if (this.#escape === 1) {
      if (code === 0x75) {
        this.#escape = 2;
        this.#unit = 0;
        return true;
      }
      const unit = ESCAPES.get(code);
      if (unit === undefined) return false;
      this.#escape = 0;
      this.#takeUnit(unit);
      return true;
    }
    const digit = hexDigit(code);
    if (digit < 0) return false;
    this.#unit = this.#unit * 16 + digit;
    if (++this.#escape > 5) {
      this.#escape = 0;
      this.#takeUnit(this.#unit);
    }
    return true;
  }

  #takeUnit(unit: number): void {
    if (this.#high > 0 && unit >= 0xdc00 && unit <= 0xdfff) {
      const high = this.#high;
      this.#high = 0;
      this.#encode(0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00));
      return;
    }
    this.#dropHigh();
    if (unit >= 0xd800 && unit <= 0xdbff) this.#high = unit;
    else this.#encode(unit >= 0xdc00 && unit <= 0xdfff ? REPLACEMENT : unit);
  }

  /** Replaces a high surrogate without a low surrogate. */
  #dropHigh(): void {
    if (this.#high === 0) return;
    this.#high = 0;
    this.#encode(REPLACEMENT);
  }

  /** Collects a code point as UTF-8. */
  #encode(point: number): void {
    this.#makeRoom(4);
    if (point < 0x80) {
      this.#bytes[this.#count++] = point;
      return;
    }
    if (point < 0x800) this.#bytes[this.#count++] = 0xc0 | (point >> 6);
    else {
      if (point < 0x10000) this.#bytes[this.#count++] = 0xe0 | (point >> 12);
      else {
        this.#bytes[this.#count++] = 0xf0 | (point >> 18);
        this.#bytes[this.#count++] = 0x80 | ((point >> 12) & 0x3f);
      }
      this.#bytes[this.#count++] = 0x80 | ((point >> 6) & 0x3f);
    }
    this.#bytes[this.#count++] = 0x80 | (point & 0x3f);
  }
}

/** The index of the first quote, backslash or control character from `from` on. */
function endOfRun(bytes: Uint8Array, from: number): number {
  let at = from;
  for (; at < bytes.length; at++) {
    const code = bytes[at] ?? 0;
    if (code === QUOTE || code === BACKSLASH || code < 0x20) break;
  }
  return at;
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x61 + 10 : -1;
}
