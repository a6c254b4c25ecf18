import { createHash } from 'node:crypto';
import type { ViewKey } from '../ArtifactStore.js';
import { numberAt } from '../../collections/at.js';

/*
 * Bytes whose order is the order of view keys: null, numbers, strings, arrays; arrays element by element, a shorter one
 * first. Strings compare by code point.
 */

const END = 0x00;
const ESCAPE = 0x01;
const NULL = 0x10;
const NUMBER = 0x20;
const STRING = 0x30;
const ARRAY = 0x40;
/** Above every encoded key. */
export const AFTER_ALL = 0xff;

/** LMDB takes keys of 1978 bytes: a view's number, a view key and a document id must fit together. */
const MAX_VIEW_KEY = 1000;
const MAX_ID = 900;

/**
 * The sortable form of a view key. Of one over 1000 bytes the tail is replaced by its hash: looking it up still works,
 * but among keys that differ only behind there the order is arbitrary. OpenWhisk's names end at 770 bytes.
 */
export function encodeViewKey(key: ViewKey): Buffer {
  return bounded(Buffer.concat(encode(key)), MAX_VIEW_KEY);
}

/** The form of a document's id as a key of its own. */
export function encodeId(id: string): Buffer {
  return bounded(Buffer.from(id, 'utf8'), MAX_ID);
}

function encode(key: ViewKey | null): Buffer[] {
  if (key === null) return [Buffer.of(NULL)];
  if (typeof key === 'number') return [encodeNumber(key)];
  if (typeof key === 'string') return [Buffer.of(STRING), escaped(key), Buffer.of(END)];
  return [Buffer.of(ARRAY), ...key.flatMap(encode), Buffer.of(END)];
}

/** IEEE 754 doubles sort as unsigned integers once the sign bit is flipped, negative ones with all bits flipped. */
function encodeNumber(value: number): Buffer {
  const out = Buffer.allocUnsafe(9);
  out[0] = NUMBER;
  out.writeDoubleBE(value === 0 ? 0 : value, 1);
  if (value < 0) for (let i = 1; i < 9; i++) out[i] = ~numberAt(out, i) & 0xff;
  else out[1] = numberAt(out, 1) | 0x80;
  return out;
}

/** The bytes 0 and 1 as two bytes each, so that 0 can end the string. */
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
