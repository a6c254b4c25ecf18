import { createHash } from 'node:crypto';
import type { ViewKey } from '../ArtifactStore.js';
import { numberAt } from '../../collections/at.js';

/*
 * Encodes view keys as bytes in the same order: null, numbers, strings, arrays. Arrays are compared element by element,
 * and a shorter one comes first. Strings are compared by code point.
 */

const END = 0x00;
const ESCAPE = 0x01;
const NULL = 0x10;
const NUMBER = 0x20;
const STRING = 0x30;
const ARRAY = 0x40;
/** A byte above every encoded key. */
export const AFTER_ALL = 0xff;

/** The longest parts of a key: a view's number, a view key and a document id must fit into LMDB's 1978 bytes. */
const MAX_VIEW_KEY = 1000;
const MAX_ID = 900;

/**
 * The sortable form of a view key. In a key over 1000 bytes a hash replaces the tail: lookups still work, but the order
 * of keys that differ only there is arbitrary. OpenWhisk's names have at most 770 bytes.
 */
export function encodeViewKey(key: ViewKey): Buffer {
  const writer = new KeyWriter(room(key));
  writer.write(key);
  return bounded(writer.bytes.subarray(0, writer.at), MAX_VIEW_KEY);
}

/** The key of a document's id. */
export function encodeId(id: string): Buffer {
  return bounded(Buffer.from(id, 'utf8'), MAX_ID);
}

/** Writes the parts of a key one after the other. Keys are encoded for each row, so it allocates once. */
class KeyWriter {
  bytes: Buffer;
  at = 0;

  constructor(size: number) {
    this.bytes = Buffer.allocUnsafe(size);
  }

  write(key: ViewKey | null): void {
    if (key === null) this.#byte(NULL);
    else if (typeof key === 'number') this.#number(key);
    else if (typeof key === 'string') {
      this.#byte(STRING);
      this.#text(key);
      this.#byte(END);
    } else {
      this.#byte(ARRAY);
      for (const part of key) this.write(part);
      this.#byte(END);
    }
  }

  #byte(byte: number): void {
    this.bytes[this.at++] = byte;
  }

  /** Flips the sign bit of a double, or all bits if it is negative: then doubles sort like unsigned integers. */
  #number(value: number): void {
    const { bytes } = this;
    this.#byte(NUMBER);
    const from = this.at;
    this.at = bytes.writeDoubleBE(value === 0 ? 0 : value, from);
    if (value < 0) for (let i = from; i < this.at; i++) bytes[i] = ~numberAt(bytes, i) & 0xff;
    else bytes[from] = numberAt(bytes, from) | 0x80;
  }

  /** Encodes the bytes 0 and 1 as two bytes each, so that 0 can end the string. */
  #text(text: string): void {
    if (!SPECIAL.test(text)) {
      this.at += this.bytes.write(text, this.at);
      return;
    }
    for (const byte of Buffer.from(text, 'utf8')) {
      if (byte > ESCAPE) this.#byte(byte);
      else {
        this.#byte(ESCAPE);
        this.#byte(byte + 1);
      }
    }
  }
}

/** Characters that are encoded as one of the bytes 0 and 1. */
// oxlint-disable-next-line no-control-regex -- these are the characters
const SPECIAL = /[\0\u0001]/;

/** The most bytes of an encoded key. */
function room(key: ViewKey | null): number {
  if (key === null) return 1;
  if (typeof key === 'number') return 9;
  // A character has at most three bytes of UTF-8 for each of its units, and the bytes 0 and 1 become two.
  if (typeof key === 'string') return 2 + 3 * key.length;
  return key.reduce((sum: number, part) => sum + room(part), 2);
}

function bounded(bytes: Buffer, limit: number): Buffer {
  if (bytes.length <= limit) return bytes;
  const hash = createHash('sha256').update(bytes).digest();
  return Buffer.concat([bytes.subarray(0, limit - hash.length), hash]);
}
