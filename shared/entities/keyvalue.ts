import * as z from 'zod';

/** Any JSON value. */
export type Json = string | number | boolean | null | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}

/** Whether a JSON value is an object: neither an array nor null. */
export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

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

export const jsonSchema: z.ZodType<Json> = z.unknown() as unknown as z.ZodType<Json>;

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
