import type { IncomingHttpHeaders } from 'node:http';
import type { ReducedRule } from '../../shared/entities/documents.js';
import { StatusCode, type ActivationRecord } from '../../shared/entities/activation.js';
import { activationRecord } from '../../shared/entities/activationRecord.js';
import type { Identity } from '../../shared/entities/identity.js';
import type { Json, JsonObject } from '../../shared/entities/keyvalue.js';
import { documentId, type FullyQualifiedName } from '../../shared/entities/names.js';

/** Request headers that are not passed to actions: the caller's credentials, and headers about the body. */
const WITHHELD: ReadonlySet<string> = new Set([
  'authorization',
  'proxy-authorization',
  'content-length',
  'content-type',
  'transfer-encoding',
]);

/** The headers of a fire for its actions (`__ow_headers`). */
export function forwardedHeaders(headers: IncomingHttpHeaders): JsonObject {
  const forwarded: JsonObject = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || WITHHELD.has(name)) continue;
    forwarded[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return forwarded;
}

/** The outcome of one rule of a fired trigger. */
export type RuleResult =
  | { readonly kind: 'invoked'; readonly activationId: string }
  | { readonly kind: 'refused'; readonly statusCode: StatusCode; readonly error: string };

/** The result of an inactive rule: its action is not invoked. */
export function inactiveRule(id: string, rule: ReducedRule): RuleResult {
  const error = `Rule '${id}' is inactive, action '${printedName(rule.action)}' was not activated.`;
  return { kind: 'refused', statusCode: StatusCode.applicationError, error };
}

/** The log line of a rule in the trigger's record. */
export function ruleLogLine(id: string, rule: ReducedRule, result: RuleResult): string {
  const entry = { rule: id, action: printedName(rule.action) };
  return result.kind === 'invoked'
    ? JSON.stringify({ statusCode: StatusCode.success, success: true, activationId: result.activationId, ...entry })
    : JSON.stringify({ statusCode: result.statusCode, success: false, error: result.error, ...entry });
}

function printedName(name: FullyQualifiedName): string {
  return name.version === undefined ? documentId(name) : `${documentId(name)}@${name.version}`;
}

/** The record of a fired trigger. It has a log line for each rule, but neither duration nor end. */
export function triggerRecord(fired: {
  readonly activationId: string;
  readonly user: Identity;
  readonly name: string;
  readonly version: string;
  readonly start: number;
  readonly payload: Json;
  readonly logs: string[];
  readonly color: string | undefined;
}): ActivationRecord {
  const { color, payload, ...facts } = fired;
  return activationRecord({
    ...facts,
    response: { statusCode: StatusCode.success, result: payload },
    annotations: { color: color === undefined ? undefined : { value: color } },
  });
}
