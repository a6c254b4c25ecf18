const BINARY = 'application/octet-stream';
const TEXT = 'text/plain; charset=utf-8';
const JSON_TYPE = 'application/json';

/** The bytes and the content type of a value: bytes as they are, text as UTF-8, everything else as JSON. */
export function encodeValue(value: unknown, type?: string): { readonly body: Uint8Array; readonly type: string } {
  if (value instanceof Uint8Array) return { body: value, type: type ?? BINARY };
  if (typeof value === 'string') return { body: Buffer.from(value), type: type ?? TEXT };
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) throw new TypeError(`An object takes bytes, text or JSON, not ${typeof value}.`);
  return { body: Buffer.from(text), type: type ?? JSON_TYPE };
}

/** The value of an object: the inverse of `encodeValue`. */
export function decodeValue(body: Buffer, type: string): unknown {
  const [media = ''] = type.toLowerCase().split(';', 1);
  if (media.trim() === JSON_TYPE) return JSON.parse(body.toString());
  if (!media.startsWith('text/')) return body;
  const text = body.toString();
  return text;
}
