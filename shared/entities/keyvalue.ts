import * as z from 'zod';

/** Any JSON value. */
export type Json = string | number | boolean | null | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}

/** Whether a value is an object: neither an array nor null. */
export function isObject(value: Json | undefined): value is JsonObject;
export function isObject(value: unknown): value is Readonly<Record<string, unknown>>;
export function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Whether a value is a JSON value by itself: null, a boolean, a string, a number that is not NaN, an array or a plain
 * object. A Date, a Map, a Buffer or another instance of a class is not, nor is undefined, a function or a bigint.
 *
 * Does not check the elements of arrays and objects: a document may have a megabyte, and it comes from `JSON.parse`,
 * which returns only JSON values. Accepts Infinity, which `JSON.parse` returns for 1e999.
 */
export function isJson(value: unknown): value is Json {
  if (typeof value === 'object') return value === null || Array.isArray(value) || isPlain(value);
  return typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && !Number.isNaN(value));
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** The value of a JSON text. @throws SyntaxError */
export function parseJson(text: string): Json {
  const value: unknown = JSON.parse(text);
  if (!isJson(value)) throw new SyntaxError('the text is not JSON');
  return value;
}

/**
 * A parameter or an annotation in a document. With `init: true` the parameter becomes an environment variable at
 * `/init`; `encryption` names the cipher of an encrypted value.
 */
export interface KeyValue {
  key: string;
  value: Json;
  init?: boolean | undefined;
  encryption?: string | undefined;
}

/** A JSON value, checked with `isJson`. */
export const jsonSchema: z.ZodType<Json> = z.unknown().refine(isJson, 'must be a JSON value');

export const keyValueSchema: z.ZodType<KeyValue> = z.object({
  key: z.string(),
  value: jsonSchema,
  init: z.boolean().optional(),
  encryption: z.string().optional(),
});

/** The value of the first entry with the key; undefined without such an entry. */
export function valueOf(list: readonly KeyValue[], key: string): Json | undefined {
  for (const entry of list) if (entry.key === key) return entry.value;
  return undefined;
}

/** Whether an annotation is "truthy" in OpenWhisk's sense: present, and not false, null, 0 or empty. */
export function isTruthy(list: readonly KeyValue[], key: string, whenMissing = false): boolean {
  const value = valueOf(list, key);
  if (value === undefined) return whenMissing;
  return !(value === false || value === null || value === 0 || value === '');
}
