import { isObject, type Json, type JsonObject, type KeyValue } from '../../shared/entities/keyvalue.js';
import { malformedContent } from './ApiError.js';

/*
 * Readers for the fields of bodies. Each takes a JSON value and returns it typed, or throws the ApiError that
 * OpenWhisk's clients know. A null field counts as missing.
 */

/** The body as an object. If it is not an object, the error names `firstField`, as in OpenWhisk. */
export function bodyObject(body: Json, firstField: string): JsonObject {
  if (isObject(body)) return body;
  throw malformedContent(`Object expected in field '${firstField}'`);
}

/** An error quotes at most this many characters of a value, or of a text in it. */
const MAX_QUOTED = 1000;

/** A value as JSON for an error message; a long value is cut. */
export function quoted(value: Json): string {
  const text = JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'string' && part.length > MAX_QUOTED ? part.slice(0, MAX_QUOTED) : part,
  );
  return text.length > MAX_QUOTED ? `${text.slice(0, MAX_QUOTED)}...` : text;
}

/** Reads an optional field. */
export function optional<T>(object: JsonObject, field: string, read: (value: Json) => T): T | undefined {
  const value = Object.hasOwn(object, field) ? object[field] : undefined;
  return value === undefined || value === null ? undefined : read(value);
}

/** Reads `[{key, value, init?, encryption?}]`. Of several entries with one key the last one counts. */
export function readParameters(value: Json): KeyValue[] {
  if (!Array.isArray(value)) throw malformedContent('parameters malformed!');
  const byKey = new Map<string, KeyValue>();
  for (const entry of value) {
    const parameter = readKeyValue(entry);
    byKey.set(parameter.key, parameter);
  }
  return [...byKey.values()];
}

function readKeyValue(entry: Json): KeyValue {
  if (!isObject(entry) || typeof entry['key'] !== 'string' || !Object.hasOwn(entry, 'value')) {
    throw malformedContent('parameters malformed!');
  }
  const { init, encryption } = entry;
  if (init !== undefined && typeof init !== 'boolean') throw malformedContent('parameters malformed!');
  if (typeof encryption !== 'string' && encryption !== undefined && !(encryption === null && init !== undefined)) {
    throw malformedContent('parameters malformed!');
  }
  return {
    key: entry['key'],
    value: entry['value'] ?? null,
    ...(init === true ? { init } : {}),
    ...(typeof encryption === 'string' ? { encryption } : {}),
  };
}

export function readBoolean(value: Json): boolean {
  if (typeof value === 'boolean') return value;
  throw malformedContent(`Expected JsBoolean, but got ${quoted(value)}`);
}

export function readStrings(value: Json): string[] {
  if (!Array.isArray(value)) throw malformedContent(`Expected Array as JsArray, but got ${quoted(value)}`);
  return value.map((item) => {
    if (typeof item === 'string') return item;
    throw malformedContent(`Expected String as JsString, but got ${quoted(item)}`);
  });
}

/** Three parts of ten digits, and some dots. */
const MAX_VERSION_LENGTH = 64;
const PART = /^[+-]?\d{1,10}$/;

/** Reads `major.minor.patch`. Missing parts are 0. */
export function readVersion(value: Json): string {
  if (typeof value !== 'string' || value.length > MAX_VERSION_LENGTH) {
    throw malformedContent('semantic version malformed');
  }
  const parts = value === '' ? [] : value.replace(/\.+$/, '').split('.');
  const numbers = [0, 1, 2].map((i) => parts[i] ?? '0');
  const valid = numbers.every((n) => PART.test(n) && Number(n) >= 0 && Number(n) <= 0x7fff_ffff);
  if (!valid || numbers.every((n) => Number(n) === 0)) throw malformedContent('semantic version malformed');
  return numbers.map(Number).join('.');
}

/** The next version: the last part plus 1. */
export function nextVersion(version: string): string {
  const [major = '0', minor = '0', patch = '0'] = version.split('.');
  return `${major}.${minor}.${Number(patch) + 1}`;
}

/** The size of parameters or annotations in bytes: their names, and their values as JSON. */
export function parametersSize(parameters: readonly KeyValue[]): number {
  let bytes = 0;
  for (const { key, value } of parameters) bytes += Buffer.byteLength(key) + Buffer.byteLength(JSON.stringify(value));
  return bytes;
}
