import { immutableParameters } from '../invocation/parameters.js';
import { sameSecret } from '../../shared/access/sameSecret.js';
import { valueOf, type Json, type KeyValue } from '../../shared/entities/keyvalue.js';

/** How an action is offered to the web, as its annotations say. Only the JSON value `true` turns something on. */
export interface Exposure {
  /** It gets its requests as they come, query and body unparsed. */
  readonly raw: boolean;
  /** It answers `OPTIONS` itself, and sets all of its CORS headers. */
  readonly customOptions: boolean;
  /** `require-whisk-auth`: undefined where anybody may call. */
  readonly requiredAuth: Json | undefined;
  /** The parameters that no caller may set. */
  readonly immutable: ReadonlySet<string>;
}

const isOn = (annotations: readonly KeyValue[], name: string): boolean => valueOf(annotations, name) === true;

/**
 * @param parameters the action's own, over those of its package.
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
 * Whether a caller meets what `require-whisk-auth` asks for: `true` any known user, a text or a number the same in the
 * header `X-Require-Whisk-Auth`. What is neither lets nobody in.
 */
export function isAdmitted(required: Json | undefined, token: string | undefined, authenticated: boolean): boolean {
  if (required === undefined || required === false) return true;
  if (required === true) return authenticated;
  if (typeof required !== 'string' && typeof required !== 'number') return false;
  return token !== undefined && sameSecret(String(required), token);
}
