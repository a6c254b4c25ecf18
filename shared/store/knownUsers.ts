import * as z from 'zod';
import type { ArtifactStore } from './ArtifactStore.js';
import { retryConflicts } from './conflicts.js';

/*
 * The names of users who were installed from a file or by default, or deleted. A server does not install them again, so
 * that an administrator's changes remain.
 */

/** The document's id. It is not a subject's name, and no view contains the document. */
const DOCUMENT = 'palette-whisk:known-users';
const schema = z.object({ _rev: z.string().optional(), names: z.array(z.string()) });
const ATTEMPTS = 5;

export async function knownUsers(subjects: Pick<ArtifactStore, 'get'>): Promise<ReadonlySet<string>> {
  return new Set((await read(subjects)).names);
}

/** Adds new names. @throws the store's errors. */
export function rememberUsers(subjects: Pick<ArtifactStore, 'get' | 'put'>, names: readonly string[]): Promise<void> {
  return retryConflicts(ATTEMPTS, async () => {
    const { _rev, names: before } = await read(subjects);
    const all = new Set([...before, ...names]);
    if (all.size === before.length) return;
    const document = { _id: DOCUMENT, names: [...all].toSorted(), ...(_rev === undefined ? {} : { _rev }) };
    await subjects.put(document);
  });
}

async function read(subjects: Pick<ArtifactStore, 'get'>): Promise<z.infer<typeof schema>> {
  return schema.safeParse(await subjects.get(DOCUMENT)).data ?? { names: [] };
}
