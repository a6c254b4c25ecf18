import type { Json, JsonObject } from '../entities/keyvalue.js';
import { isObject } from '../entities/keyvalue.js';
import { objectPath, parseObjectPath, type ObjectAddress } from './objectPath.js';

/** The field of a reference: `{ "$object": "color/key" }`, with color and key percent-encoded. */
const FIELD = '$object';

/** A reference to an object of the namespace. @param bytes its size, for readers. */
export function referenceTo({ color, key }: ObjectAddress, bytes: number): JsonObject {
  return { [FIELD]: objectPath(color, key).slice(1), bytes };
}

/**
 * The address of a reference; undefined if the value is not a reference.
 * @throws ObjectError 400 if its address is invalid.
 */
export function addressOf(value: Json): ObjectAddress | undefined {
  if (!isObject(value)) return undefined;
  const text = value[FIELD];
  if (typeof text !== 'string') return undefined;
  const { color, key } = parseObjectPath(`/${text}`);
  return key === undefined ? undefined : { color, key };
}

/** Whether the value has the form of a reference. Its address may be invalid. */
export const isReference = (value: Json | undefined): value is JsonObject =>
  isObject(value) && typeof value[FIELD] === 'string';

/** A reference that is a payload, without its size, which would look like a parameter beside it. */
export function withoutSize(payload: JsonObject): JsonObject {
  const { bytes, ...rest } = payload;
  return typeof bytes === 'number' ? rest : payload;
}

/** The fields of parameters besides a reference. */
export const fieldsBeside = (parameters: Json): JsonObject =>
  isObject(parameters) ? Object.fromEntries(Object.entries(parameters).filter(([name]) => name !== FIELD)) : {};
