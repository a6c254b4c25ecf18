import { malformedContent } from '../../http/ApiError.js';
import { readEntityBody, type EntityBody } from '../entityWrites.js';
import { isObject, type Json, type JsonObject } from '../../../shared/entities/keyvalue.js';
import { isEntityName, OWN_NAMESPACE } from '../../../shared/entities/names.js';

export interface Binding {
  readonly namespace: string;
  readonly name: string;
}

export interface PackageBody extends EntityBody {
  readonly binding?: Binding | undefined;
}

/** @param namespace replaces `_` in a binding. @throws ApiError 400, 413 */
export function readPackageBody(json: Json, namespace: string, maxParameterBytes: number): PackageBody {
  const { fields, ...body } = readEntityBody(json, maxParameterBytes);
  return { ...body, binding: readBinding(fields, namespace) };
}

/** The binding; undefined for `{}`. */
function readBinding(body: JsonObject, namespace: string): Binding | undefined {
  if (!Object.hasOwn(body, 'binding')) return undefined;
  const binding = body['binding'];
  if (!isObject(binding)) throw malformedContent("Object expected in field 'namespace'");
  if (Object.keys(binding).length === 0) return undefined;
  const bound = readName(binding, 'namespace');
  return { namespace: bound === OWN_NAMESPACE ? namespace : bound, name: readName(binding, 'name') };
}

function readName(binding: JsonObject, field: string): string {
  if (!Object.hasOwn(binding, field)) throw malformedContent(`Object is missing required member '${field}'`);
  const name = binding[field];
  if (typeof name !== 'string' || !isEntityName(name)) throw malformedContent('entity name malformed');
  return name;
}
