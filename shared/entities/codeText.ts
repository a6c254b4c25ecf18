import { StringDecoder } from 'node:string_decoder';
import { nextTurn, SLICE } from './turns.js';

/*
 * Functions for code of up to 48 MB. Each of them processes one slice at a time and then gives other requests a turn.
 * Without slices it would block them for a tenth of a second. Code up to one slice is processed at once.
 */

/** The slices of a text in order. Does not split surrogate pairs. */
export function* slicesOf(text: string, size: number = SLICE): Generator<string> {
  for (let at = 0; at < text.length;) {
    let end = Math.min(text.length, at + size);
    if (end < text.length && isLowSurrogate(text.charCodeAt(end)) && end - at > 1) end--;
    yield text.slice(at, end);
    at = end;
  }
}

const isLowSurrogate = (code: number): boolean => code >= 0xdc00 && code <= 0xdfff;

const NOT_BASE64 = /[^A-Za-z0-9+/]/;

/**
 * Whether code is a binary in base64. Text of only letters with a length that is a multiple of 4 counts as base64, too.
 */
export async function isBase64(code: string): Promise<boolean> {
  const text = code.trim();
  if (text.length === 0 || text.length % 4 !== 0) return false;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  for (const slice of slicesOf(padding === 0 ? text : text.slice(0, -padding))) {
    if (NOT_BASE64.test(slice)) return false;
    if (text.length > SLICE) await nextTurn();
  }
  return true;
}

/** The length of a text in UTF-8 bytes. */
export async function utf8Length(text: string): Promise<number> {
  if (text.length <= SLICE) return Buffer.byteLength(text);
  let bytes = 0;
  for (const slice of slicesOf(text)) {
    bytes += Buffer.byteLength(slice);
    await nextTurn();
  }
  return bytes;
}

/** The bytes of a text, decoded from base64 or encoded as UTF-8. */
export async function bytesOfText(text: string, encoding: 'utf8' | 'base64'): Promise<Buffer> {
  if (text.length <= SLICE) return Buffer.from(text, encoding);
  const out = Buffer.allocUnsafeSlow(
    encoding === 'base64' ? Buffer.byteLength(text, 'base64') : await utf8Length(text),
  );
  let at = 0;
  for (const slice of slicesOf(text)) {
    const written = out.write(slice, at, encoding);
    at += written;
    // With whitespace in it, slices of base64 may split groups of four.
    if (encoding === 'base64' && slice.length === SLICE && written !== (SLICE / 4) * 3)
      return Buffer.from(text, encoding);
    await nextTurn();
  }
  return at === out.length ? out : out.subarray(0, at);
}

/** Bytes that become one piece of JSON; a multiple of three, so that the pieces of base64 fit together. */
const PIECE = 192 * 1024;

/**
 * Code as the content of a JSON string, without its quotes, in pieces: text in UTF-8 escaped, a binary in base64. Whoever
 * writes them gives others their turn between two pieces.
 */
export function* jsonCodePieces(bytes: Uint8Array, binary: boolean): Generator<Buffer> {
  const decoder = binary ? undefined : new StringDecoder('utf8');
  for (let at = 0; at < bytes.length; at += PIECE) {
    const piece = Buffer.from(bytes.buffer, bytes.byteOffset + at, Math.min(PIECE, bytes.length - at));
    yield decoder ? escaped(decoder.write(piece)) : Buffer.from(piece.toString('base64'), 'latin1');
  }
  const rest = decoder?.end() ?? '';
  if (rest !== '') yield escaped(rest);
}

/** How many bytes the pieces have together. */
export async function jsonCodeLength(bytes: Uint8Array, binary: boolean): Promise<number> {
  if (binary) return Math.ceil(bytes.length / 3) * 4;
  let length = 0;
  for (const piece of jsonCodePieces(bytes, binary)) {
    length += piece.length;
    await nextTurn();
  }
  return length;
}

const escaped = (text: string): Buffer => Buffer.from(JSON.stringify(text).slice(1, -1));
