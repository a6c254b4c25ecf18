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

/** The keys of recent headers: a client sends the same one with each request. */
const recent = new Map<string, ApiKey>();
const MAX_RECENT = 1000;

const BASIC = /^basic +([A-Za-z0-9+/=_-]+) *$/i;

/**
 * Reads the key from an `Authorization` header.
 * @returns undefined if the scheme is not Basic; with malformed credentials the halves may be empty.
 */
export function readBasicCredentials(authorization: string | undefined): ApiKey | undefined {
  if (authorization === undefined) return undefined;
  const known = recent.get(authorization);
  if (known) return known;
  const encoded = BASIC.exec(authorization)?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon < 0) return { uuid: text, key: '' };
  const key = { uuid: text.slice(0, colon), key: text.slice(colon + 1) };
  if (isApiKey(key)) {
    if (recent.size >= MAX_RECENT) recent.clear();
    recent.set(authorization, key);
  }
  return key;
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
