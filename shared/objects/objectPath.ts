import { MAX_COLOR_BYTES, MAX_KEY_BYTES } from './bounds.js';
import { ObjectError } from './ObjectError.js';

/** The address of an object in its namespace. */
export interface ObjectAddress {
  readonly color: string;
  readonly key: string;
}

/**
 * Parses `/{color}` or `/{color}/{key}`, percent-encoded. A `/` in the key need not be encoded.
 * @param path without the query.
 * @throws ObjectError 400
 */
export function parseObjectPath(path: string): { readonly color: string; readonly key: string | undefined } {
  if (!path.startsWith('/')) throw new ObjectError(400, 'The path must be /{color}/{key}.');
  const slash = path.indexOf('/', 1);
  const color = decoded('color', slash < 0 ? path.slice(1) : path.slice(1, slash), MAX_COLOR_BYTES);
  if (slash < 0) return { color, key: undefined };
  return { color, key: decoded('key', path.slice(slash + 1), MAX_KEY_BYTES) };
}

/** The path of an object, or of a color's list without a key: the inverse of `parseObjectPath`. */
export function objectPath(color: string, key?: string): string {
  const path = `/${encodeURIComponent(color)}`;
  return key === undefined ? path : `${path}/${encodeURIComponent(key)}`;
}

/** Visible ASCII: everything else must be percent-encoded. */
const ENCODED = /^[\u0021-\u007e]+$/;
// oxlint-disable-next-line no-control-regex -- control characters are what it finds
const CONTROL = /[\u0000-\u001f\u007f]/;

function decoded(part: 'color' | 'key', text: string, maxBytes: number): string {
  if (text === '') throw new ObjectError(400, `The ${part} in the path is empty: the path must be /{color}/{key}.`);
  if (!ENCODED.test(text)) throw new ObjectError(400, `The ${part} in the path must be percent-encoded.`);
  let value: string;
  try {
    value = text.includes('%') ? decodeURIComponent(text) : text;
  } catch (cause) {
    throw new ObjectError(400, `The ${part} in the path must be percent-encoded UTF-8.`, { cause });
  }
  if (CONTROL.test(value)) throw new ObjectError(400, `The ${part} must not contain control characters.`);
  if (Buffer.byteLength(value) > maxBytes) {
    throw new ObjectError(400, `The ${part} is longer than ${maxBytes} bytes.`);
  }
  return value;
}
