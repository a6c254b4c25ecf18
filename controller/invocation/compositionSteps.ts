import { readComponentName } from './qualifiedNames.js';
import { isObject, type Json, type JsonObject } from '../../shared/entities/keyvalue.js';
import type { FullyQualifiedName } from '../../shared/entities/names.js';

/** The next step that a conductor's result asks for. The conductor's next run gets `state`. */
export type ConductorStep =
  | { readonly kind: 'done'; readonly result: Json }
  | {
      readonly kind: 'next';
      readonly action: FullyQualifiedName;
      readonly params: JsonObject | undefined;
      readonly state: JsonObject | undefined;
    }
  | { readonly kind: 'misnamed'; readonly action: Json; readonly state: JsonObject | undefined };

/**
 * Reads a conductor's result. Without `action` the composition is over, and its result is `params`, or the whole result
 * without `params`. If `params` or `state` is not an object, it becomes the field `value` or `state` of an object.
 */
export function readStep(result: Json | undefined, namespace: string): ConductorStep {
  if (!isObject(result)) return { kind: 'done', result: result ?? {} };
  const { params: given, state: kept, action: named } = result;
  const params = given === undefined ? undefined : boxed(given, 'value');
  if (named === undefined) return { kind: 'done', result: params ?? result };
  const state = kept === undefined ? undefined : boxed(kept, 'state');
  const action = readComponentName(named, namespace);
  return action ? { kind: 'next', action, params, state } : { kind: 'misnamed', action: named, state };
}

/**
 * The conductor's next payload: the component's result, overridden by the state. Ignores a result that is not an
 * object.
 */
export function conductorPayload(payload: Json | undefined, state: JsonObject | undefined): JsonObject | undefined {
  if (!isObject(payload)) return undefined;
  return state ? { ...payload, ...state } : payload;
}

/** The messages that a conductor gets as `{error}`. */
export const compositionErrors = {
  tooLong: 'Too many actions in the composition.',
  failed: 'Activation failure during composition.',
  timedOut: (activationId: string) => `Timeout reached when retrieving activation ${activationId} during composition.`,
  misnamed: (action: Json) =>
    `Failed to parse action name from json value ${JSON.stringify(action)} during composition.`,
  missing: (action: string) => `Failed to resolve action with name '${action}' during composition.`,
  forbidden: (action: string) => `Failed entitlement check for action with name '${action}' during composition.`,
} as const;

function boxed(value: Json, field: string): JsonObject {
  return isObject(value) ? value : { [field]: value };
}
