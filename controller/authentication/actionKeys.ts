import { createHmac, randomBytes } from 'node:crypto';
import * as z from 'zod';
import { sameSecret } from '../../shared/access/sameSecret.js';
import { isWellKnownKey, wellKnownKeyOf } from '../../shared/access/wellKnownKeys.js';
import type { Identity } from '../../shared/entities/identity.js';
import { DocumentConflictError, type ArtifactStore } from '../../shared/store/ArtifactStore.js';
import type { AuthStore } from '../../shared/store/AuthStore.js';

/*
 * Keys for the actions of users with a well-known key. The controller accepts a well-known key only from the server's
 * own machine, but actions call from containers. So the actions of such a user get another key, which is accepted from
 * everywhere: the same uuid, and a secret that is derived from a secret of the installation.
 */

/** The document of the secret. It is not a subject's name, and no view contains the document. */
const DOCUMENT = 'palette-whisk:action-keys';
const secretSchema = z.object({ secret: z.string().min(32) });

/**
 * The secret from which the keys of actions are derived. All controllers of an installation share it; the first one
 * creates it. @throws the store's errors.
 */
export async function actionKeySecret(subjects: Pick<ArtifactStore, 'get' | 'put'>): Promise<string> {
  const read = async (): Promise<string | undefined> =>
    secretSchema.safeParse(await subjects.get(DOCUMENT)).data?.secret;
  const found = await read();
  if (found !== undefined) return found;
  const secret = randomBytes(32).toString('base64url');
  try {
    const document = { _id: DOCUMENT, secret };
    await subjects.put(document);
    return secret;
  } catch (error) {
    // Another controller created it first.
    const other = error instanceof DocumentConflictError ? await read() : undefined;
    if (other === undefined) throw error;
    return other;
  }
}

/**
 * Wraps a store of subjects: identities with a well-known key get the key for actions instead, and both keys find them.
 * @param secret called when a well-known key is first used, and again until it resolves.
 */
export function withActionKeys(subjects: AuthStore, secret: () => Promise<string>): AuthStore {
  let known: Promise<string> | undefined;
  const once = (): Promise<string> =>
    (known ??= secret().catch((error: unknown) => {
      known = undefined;
      throw error;
    }));
  const exchanged = new WeakMap<Identity, Identity>();
  const exchange = async (identity: Identity | undefined): Promise<Identity | undefined> => {
    const uuid = identity && wellKnownUuid(identity);
    if (!identity || uuid === undefined) return identity;
    const before = exchanged.get(identity);
    if (before) return before;
    const authkey = { ...identity.authkey, api_key: `${uuid}:${derived(await once(), uuid)}` };
    const changed = Object.freeze({ ...identity, authkey: Object.freeze(authkey) });
    exchanged.set(identity, changed);
    return changed;
  };
  return {
    async identityByKey(uuid, key) {
      const wellKnown = wellKnownKeyOf(uuid);
      const isActions =
        wellKnown !== undefined && !isWellKnownKey(uuid, key) && sameSecret(key, derived(await once(), uuid));
      return exchange(
        await subjects.identityByKey(uuid, isActions ? wellKnown.slice(wellKnown.indexOf(':') + 1) : key),
      );
    },
    identityByNamespace: async (namespace) => exchange(await subjects.identityByNamespace(namespace)),
  };
}

/** The first half of an identity's key if the key is well known. */
function wellKnownUuid({ authkey }: Identity): string | undefined {
  const key = authkey['api_key'];
  if (typeof key !== 'string') return undefined;
  const colon = key.indexOf(':');
  const uuid = key.slice(0, colon);
  return isWellKnownKey(uuid, key.slice(colon + 1)) ? uuid : undefined;
}

/** 64 letters and digits, like every key. */
const derived = (secret: string, uuid: string): string =>
  createHmac('sha256', secret).update(uuid.toLowerCase()).digest('hex');
