import { readComponentName } from './qualifiedNames.js';
import { isObject, type Json, type JsonObject } from '../../shared/entities/keyvalue.js';
import type { FullyQualifiedName } from '../../shared/entities/names.js';

/** What a conductor's result asks for. `state` is kept for the conductor's next run. */
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
 * Reads a conductor's result: without `action` the composition is over and gives `params`, or the whole result
 * if it has no `params`. `params` and `state` that are not objects are put into one, under `value` and `state`.
 */
export function readStep(result: Json | undefined, namespace: string): ConductorStep {
  if (!isObject(result)) return { kind: 'done', result: result ?? {} };
  const params = Object.hasOwn(result, 'params') ? boxed(result['params'] as Json, 'value') : undefined;
  if (!Object.hasOwn(result, 'action')) return { kind: 'done', result: params ?? result };
  const state = Object.hasOwn(result, 'state') ? boxed(result['state'] as Json, 'state') : undefined;
  const named = result['action'] as Json;
  const action = readComponentName(named, namespace);
  return action ? { kind: 'next', action, params, state } : { kind: 'misnamed', action: named, state };
}

/** The conductor's next payload: the state over the component's result. A result that is not an object is ignored. */
export function conductorPayload(payload: Json | undefined, state: JsonObject | undefined): JsonObject | undefined {
  if (!isObject(payload)) return undefined;
  return state ? { ...payload, ...state } : payload;
}

/** The messages that are handed back to a conductor as `{error}`. */
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
