import { conflict, tooLarge } from '../http/ApiError.js';
import { bodyObject, optional, parametersSize, readBoolean, readParameters, readVersion } from '../http/fields.js';
import { booleanParameter, listLimit, listSkip } from '../http/query.js';
import type { Limits } from '../../shared/config/limits.js';
import type { Json, JsonObject, KeyValue } from '../../shared/entities/keyvalue.js';

/**
 * The common part of the bodies of packages, triggers and rules. A missing field keeps its value, or gets its default.
 */
export interface EntityBody {
  readonly parameters?: readonly KeyValue[] | undefined;
  readonly annotations?: readonly KeyValue[] | undefined;
  readonly version?: string | undefined;
  readonly publish?: boolean | undefined;
}

/** The version of a new entity. */
export const FIRST_VERSION = '0.0.1';

/** @throws ApiError 400; 413 if parameters or annotations are too large. */
export function readEntityBody(json: Json, maxParameterBytes: number): EntityBody & { readonly fields: JsonObject } {
  const fields = bodyObject(json, 'exec');
  const sized = (field: string) => {
    const list = optional(fields, field, readParameters);
    const bytes = list ? parametersSize(list) : 0;
    if (bytes > maxParameterBytes) throw tooLarge(field, bytes, maxParameterBytes);
    return list;
  };
  return {
    fields,
    parameters: sized('parameters'),
    annotations: sized('annotations'),
    version: optional(fields, 'version', readVersion),
    publish: optional(fields, 'publish', readBoolean),
  };
}

/**
 * Creates the entity or changes the existing one.
 * @throws ApiError 409 if it exists and may not be overwritten.
 */
export async function createOrUpdate<T>(
  existing: T | undefined,
  overwrite: boolean,
  create: () => Promise<T> | T,
  update: (existing: T) => Promise<T> | T,
): Promise<T> {
  if (existing === undefined) return create();
  if (!overwrite) throw conflict('resource already exists');
  return update(existing);
}

/** The page of a list that a request asks for. */
export interface Page {
  readonly skip: number;
  readonly limit: number;
  readonly count: boolean;
}

/** @throws ApiError 400 */
export function pageOf(query: URLSearchParams, collection: string, limits: Limits): Page {
  return {
    skip: listSkip(query, collection),
    limit: listLimit(query, collection, limits),
    count: booleanParameter(query, 'count', false),
  };
}
