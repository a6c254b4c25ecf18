import { ObjectsError } from './ObjectsError.js';

const BINARY = 'application/octet-stream';
const TEXT = 'text/plain; charset=utf-8';
const JSON_TYPE = 'application/json';

/** The bytes and the content type of a value: bytes as they are, text as UTF-8, everything else as JSON. */
export function encodeValue(value: unknown, type?: string): { readonly body: Uint8Array; readonly type: string } {
  if (value instanceof Uint8Array) return { body: value, type: type ?? BINARY };
  // As JSON, an array of numbers of a fixed size would be an object, and a buffer an empty one.
  if (ArrayBuffer.isView(value)) {
    return { body: new Uint8Array(value.buffer, value.byteOffset, value.byteLength), type: type ?? BINARY };
  }
  if (value instanceof ArrayBuffer) return { body: new Uint8Array(value), type: type ?? BINARY };
  if (typeof value === 'string') return { body: Buffer.from(value), type: type ?? TEXT };
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) throw new TypeError(`An object takes bytes, text or JSON, not ${typeof value}.`);
  return { body: Buffer.from(text), type: type ?? JSON_TYPE };
}

/** The value of an object: the inverse of `encodeValue`. @throws ObjectsError if its type says JSON, and it is not */
export function decodeValue(body: Buffer, type: string): unknown {
  const [media = ''] = type.toLowerCase().split(';', 1);
  if (media.trim() === JSON_TYPE) {
    try {
      return JSON.parse(body.toString());
    } catch (cause) {
      throw new ObjectsError(0, `The object has the type ${type}, but is not valid JSON.`, { cause });
    }
  }
  if (!media.startsWith('text/')) return body;
  const text = body.toString();
  return text;
}
