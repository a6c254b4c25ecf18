import { immutableParameters } from '../invocation/parameters.js';
import { sameSecret } from '../../shared/access/sameSecret.js';
import { valueOf, type Json, type KeyValue } from '../../shared/entities/keyvalue.js';

/** The web settings of an action, from its annotations. Only the JSON value `true` enables a setting. */
export interface Exposure {
  /** Whether the action gets query and body unparsed. */
  readonly raw: boolean;
  /** Whether the action handles `OPTIONS` and sets all CORS headers itself. */
  readonly customOptions: boolean;
  /** The annotation `require-whisk-auth`; undefined: no credentials are required. */
  readonly requiredAuth: Json | undefined;
  /** The parameters that no caller may set. */
  readonly immutable: ReadonlySet<string>;
}

const isOn = (annotations: readonly KeyValue[], name: string): boolean => valueOf(annotations, name) === true;

/**
 * Reads the web settings of an action.
 * @param parameters the action's, merged with those of its package.
 * @returns undefined for an action that is not a web action.
 */
export function exposureOf(annotations: readonly KeyValue[], parameters: readonly KeyValue[]): Exposure | undefined {
  if (!isOn(annotations, 'web-export')) return undefined;
  return {
    raw: isOn(annotations, 'raw-http'),
    customOptions: isOn(annotations, 'web-custom-options'),
    requiredAuth: valueOf(annotations, 'require-whisk-auth'),
    immutable: immutableParameters(annotations, parameters),
  };
}

/**
 * Whether a caller satisfies `require-whisk-auth`. `true` requires a known user; a text or a number requires the same
 * value in the header `X-Require-Whisk-Auth`. Any other value refuses all callers.
 */
export function isAdmitted(required: Json | undefined, token: string | undefined, authenticated: boolean): boolean {
  if (required === undefined || required === false) return true;
  if (required === true) return authenticated;
  if (typeof required !== 'string' && typeof required !== 'number') return false;
  return token !== undefined && sameSecret(String(required), token);
}
