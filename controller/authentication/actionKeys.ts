import { createHmac, randomBytes } from 'node:crypto';
import * as z from 'zod';
import { sameSecret } from '../../shared/access/sameSecret.js';
import { isWellKnownKey, wellKnownKeyOf } from '../../shared/access/wellKnownKeys.js';
import type { Identity } from '../../shared/entities/identity.js';
import { DocumentConflictError, type ArtifactStore } from '../../shared/store/ArtifactStore.js';
import type { AuthStore } from '../../shared/store/AuthStore.js';

/*
 * Keys for actions of users whose own key everybody knows. Such a key works on the server's machine only, and an action
 * in a container is not there. So identities with a well-known key carry another one, with which their actions call back
 * from wherever they run: the same uuid, and a secret that is derived from one of the installation's.
 */

/** Not the name of a subject, and no view looks at it. */
const DOCUMENT = 'palette-whisk:action-keys';
const secretSchema = z.object({ secret: z.string().min(32) });

/**
 * The secret from which the keys of actions are derived: the same for all controllers of an installation, made where it
 * is missing. @throws what the store throws.
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
    // Another controller was faster.
    const other = error instanceof DocumentConflictError ? await read() : undefined;
    if (other === undefined) throw error;
    return other;
  }
}

/**
 * The same subjects, where the identities with a well-known key have the key for actions instead, and are found by either.
 * @param secret asked for once a well-known key is in use, until it resolves.
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

/** The first half of an identity's key, where everybody knows the key. */
function wellKnownUuid({ authkey }: Identity): string | undefined {
  const key = authkey['api_key'];
  if (typeof key !== 'string') return undefined;
  const colon = key.indexOf(':');
  const uuid = key.slice(0, colon);
  return isWellKnownKey(uuid, key.slice(colon + 1)) ? uuid : undefined;
}

/** 64 letters and digits, as every key has. */
const derived = (secret: string, uuid: string): string =>
  createHmac('sha256', secret).update(uuid.toLowerCase()).digest('hex');
