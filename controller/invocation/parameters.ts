import type { Json, JsonObject, KeyValue } from '../../shared/entities/keyvalue.js';
import { valueOf } from '../../shared/entities/keyvalue.js';

/**
 * Merges two lists: an entry of `upper` replaces the entry of `lower` with the same key, including `init` and
 * `encryption`. Of several entries with one key in a list the last one counts. Precedence: package < binding < action.
 */
export function mergeParameters(lower: readonly KeyValue[], upper: readonly KeyValue[]): KeyValue[] {
  if (lower.length === 0) return withoutRepetitions(upper);
  if (upper.length === 0) return withoutRepetitions(lower);
  const merged = new Map<string, KeyValue>();
  for (const entry of lower) merged.set(entry.key, entry);
  for (const entry of upper) merged.set(entry.key, entry);
  return [...merged.values()];
}

/** The list with only the last entry for each key. */
export function withoutRepetitions(list: readonly KeyValue[]): KeyValue[] {
  if (list.length < 2) return [...list];
  return [...new Map(list.map((entry) => [entry.key, entry])).values()];
}

/** The list without the entries of a key. */
export function withoutKey(list: readonly KeyValue[], key: string): KeyValue[] {
  return list.filter((entry) => entry.key !== key);
}

/** The parameters as an object. */
export function asObject(parameters: readonly KeyValue[]): JsonObject {
  // Do not assign: a parameter named `__proto__` must become a plain key.
  return Object.fromEntries(parameters.map((entry) => [entry.key, entry.value]));
}

/**
 * The arguments of an action: its parameters, overridden by the fields of the payload. An array replaces the
 * parameters. Any other payload is ignored.
 */
export function argumentsOf(parameters: readonly KeyValue[], payload: Json | undefined): Json[] | JsonObject {
  if (Array.isArray(payload)) return payload;
  if (payload === null || typeof payload !== 'object') return asObject(parameters);
  return parameters.length === 0 ? payload : { ...asObject(parameters), ...payload };
}

/**
 * The names of the parameters that a caller may not set: all that have a value, if the annotation `final` is `true`.
 * @param parameters the action's, merged with those of its package and binding.
 */
export function immutableParameters(
  annotations: readonly KeyValue[],
  parameters: readonly KeyValue[],
): ReadonlySet<string> {
  if (valueOf(annotations, 'final') !== true) return NONE;
  return new Set(parameters.filter((entry) => entry.value !== null).map((entry) => entry.key));
}

const NONE: ReadonlySet<string> = new Set();
