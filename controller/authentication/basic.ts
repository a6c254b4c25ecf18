import { isLocal, type Caller } from '../../shared/access/caller.js';
import { isWellKnownKey, type WellKnownKeysFrom } from '../../shared/access/wellKnownKeys.js';
import type { AuthStore } from '../../shared/store/AuthStore.js';
import { NotAuthenticatedError } from '../refusals/refusals.js';
import type { Authentication } from './Authentication.js';

/** The two halves of an API key. */
export interface ApiKey {
  readonly uuid: string;
  readonly key: string;
}

const BASIC = /^basic +([A-Za-z0-9+/=_-]+) *$/i;

/**
 * Reads the key from an `Authorization` header.
 * @returns undefined if the scheme is not Basic; with malformed credentials the halves may be empty.
 */
export function readBasicCredentials(authorization: string | undefined): ApiKey | undefined {
  const encoded = authorization === undefined ? undefined : BASIC.exec(authorization)?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? { uuid: text, key: '' } : { uuid: text.slice(0, colon), key: text.slice(colon + 1) };
}

/** The form of a key's uuid. Other texts are refused without a read from the store. */
const UUID = /^[0-9a-fA-F]{1,8}(?:-[0-9a-fA-F]{1,4}){3}-[0-9a-fA-F]{1,12}$/;
const SECRET_LENGTH = 64;

export function isApiKey({ uuid, key }: ApiKey): boolean {
  return key.length === SECRET_LENGTH && UUID.test(uuid);
}

export interface BasicOptions {
  /** The origins from which well-known keys are accepted; missing: this machine. */
  readonly wellKnownKeys?: WellKnownKeysFrom | undefined;
  /** The name of this machine. */
  readonly hostname: string;
}

/** OpenWhisk's authentication: the API key `uuid:key` of a subject's namespace as Basic credentials. */
export function basicAuthentication(
  subjects: AuthStore,
  { wellKnownKeys = 'loopback', hostname }: BasicOptions,
): Authentication {
  const isRefused = ({ uuid, key }: ApiKey, caller: Caller | undefined): boolean =>
    caller !== undefined && wellKnownKeys === 'loopback' && isWellKnownKey(uuid, key) && !isLocal(caller, hostname);
  return {
    async authenticate(authorization, caller) {
      const key = readBasicCredentials(authorization);
      if (!key) throw new NotAuthenticatedError('missing');
      const identity = isApiKey(key) ? await subjects.identityByKey(key.uuid, key.key) : undefined;
      if (!identity) throw new NotAuthenticatedError('invalid');
      if (isRefused(key, caller)) throw new NotAuthenticatedError('well known');
      return identity;
    },
    identityOfNamespace: (namespace) => subjects.identityByNamespace(namespace),
  };
}
