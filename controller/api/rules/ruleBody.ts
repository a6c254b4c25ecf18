import { inNamespace, MalformedNameError, readQualifiedName } from '../../invocation/qualifiedNames.js';
import { malformedContent } from '../../http/ApiError.js';
import { optional } from '../../http/fields.js';
import { readEntityBody, type EntityBody } from '../entityWrites.js';
import type { RuleStatus } from '../../../shared/entities/documents.js';
import { isObject, type Json } from '../../../shared/entities/keyvalue.js';
import type { FullyQualifiedName } from '../../../shared/entities/names.js';

export interface RuleBody extends Omit<EntityBody, 'parameters'> {
  readonly trigger?: FullyQualifiedName | undefined;
  readonly action?: FullyQualifiedName | undefined;
}

/** @param namespace replaces `_` in names. @throws ApiError 400, 413 */
export function readRuleBody(json: Json, namespace: string, maxParameterBytes: number): RuleBody {
  const { fields, annotations, version, publish } = readEntityBody(json, maxParameterBytes);
  const readName = (value: Json): FullyQualifiedName => {
    try {
      return inNamespace(readQualifiedName(value), namespace);
    } catch (error) {
      if (error instanceof MalformedNameError) throw malformedContent(error.message);
      throw error;
    }
  };
  return {
    trigger: optional(fields, 'trigger', readName),
    action: optional(fields, 'action', readName),
    annotations,
    version,
    publish,
  };
}

/** Reads `{status}`, the rule's new state. @throws ApiError 400 */
export function readStatus(json: Json): RuleStatus {
  if (!isObject(json)) throw malformedContent(matchError(json));
  const given = json['status'];
  if (given === undefined) throw malformedContent('key not found: status');
  if (typeof given !== 'string') throw malformedContent(matchError(given));
  const status = given.trim();
  if (status === 'active' || status === 'inactive') return status;
  throw malformedContent(`requirement failed: ${status} is not a recognized rule state`);
}

/** OpenWhisk's message for a value of the wrong type. */
function matchError(value: Json): string {
  const type =
    value === null
      ? 'JsNull$'
      : value === true
        ? 'JsTrue$'
        : value === false
          ? 'JsFalse$'
          : typeof value === 'number'
            ? 'JsNumber'
            : typeof value === 'string'
              ? 'JsString'
              : Array.isArray(value)
                ? 'JsArray'
                : 'JsObject';
  return `${JSON.stringify(value)} (of class spray.json.${type})`;
}
