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
  return bounded(Buffer.concat(encode(key)), MAX_VIEW_KEY);
}

/** The key of a document's id. */
export function encodeId(id: string): Buffer {
  return bounded(Buffer.from(id, 'utf8'), MAX_ID);
}

function encode(key: ViewKey | null): Buffer[] {
  if (key === null) return [Buffer.of(NULL)];
  if (typeof key === 'number') return [encodeNumber(key)];
  if (typeof key === 'string') return [Buffer.of(STRING), escaped(key), Buffer.of(END)];
  return [Buffer.of(ARRAY), ...key.flatMap(encode), Buffer.of(END)];
}

/** Flips the sign bit of a double, or all bits if it is negative: then doubles sort like unsigned integers. */
function encodeNumber(value: number): Buffer {
  const out = Buffer.allocUnsafe(9);
  out[0] = NUMBER;
  out.writeDoubleBE(value === 0 ? 0 : value, 1);
  if (value < 0) for (let i = 1; i < 9; i++) out[i] = ~numberAt(out, i) & 0xff;
  else out[1] = numberAt(out, 1) | 0x80;
  return out;
}

/** Encodes the bytes 0 and 1 as two bytes each, so that 0 can end the string. */
function escaped(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  if (!bytes.some((byte) => byte <= ESCAPE)) return bytes;
  return Buffer.from([...bytes].flatMap((byte) => (byte <= ESCAPE ? [ESCAPE, byte + 1] : [byte])));
}

function bounded(bytes: Buffer, limit: number): Buffer {
  if (bytes.length <= limit) return bytes;
  const hash = createHash('sha256').update(bytes).digest();
  return Buffer.concat([bytes.subarray(0, limit - hash.length), hash]);
}
