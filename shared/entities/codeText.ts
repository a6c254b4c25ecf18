import { nextTurn, SLICE } from '../process/turns.js';

/*
 * Work on code of up to 48 MB. Each function works on a slice, then lets other requests have their turn: at once it would
 * hold them up for a tenth of a second each. Code up to one slice is worked on at once.
 */

/** The slices of a text in their order. No pair of surrogates is cut. */
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

/** Whether code is a zip or another binary in base64. A text of only letters whose length is a multiple of 4 looks the same. */
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

/** The length of a text in bytes of UTF-8. */
export async function utf8Length(text: string): Promise<number> {
  if (text.length <= SLICE) return Buffer.byteLength(text);
  let bytes = 0;
  for (const slice of slicesOf(text)) {
    bytes += Buffer.byteLength(slice);
    await nextTurn();
  }
  return bytes;
}

/** The bytes of a text in UTF-8, or those that it says in base64. */
export async function bytesOfText(text: string, encoding: 'utf8' | 'base64'): Promise<Buffer> {
  if (text.length <= SLICE) return Buffer.from(text, encoding);
  const out = Buffer.allocUnsafeSlow(
    encoding === 'base64' ? Buffer.byteLength(text, 'base64') : await utf8Length(text),
  );
  let at = 0;
  for (const slice of slicesOf(text)) {
    const written = out.write(slice, at, encoding);
    at += written;
    // With blanks or line ends in it the slices of base64 do not end where groups of four do.
    if (encoding === 'base64' && slice.length === SLICE && written !== (SLICE / 4) * 3)
      return Buffer.from(text, encoding);
    await nextTurn();
  }
  return at === out.length ? out : out.subarray(0, at);
}
