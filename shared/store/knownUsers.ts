import * as z from 'zod';
import type { ArtifactStore } from './ArtifactStore.js';
import { retryConflicts } from './conflicts.js';

/*
 * The names of users who were installed from a file or by default, or deleted: what an administrator did to them stays,
 * whatever file a server is started with.
 */

/** Not the name of a subject, and no view looks at it. */
const DOCUMENT = 'palette-whisk:known-users';
const schema = z.object({ _rev: z.string().optional(), names: z.array(z.string()) });
const ATTEMPTS = 5;

export async function knownUsers(subjects: Pick<ArtifactStore, 'get'>): Promise<ReadonlySet<string>> {
  return new Set((await read(subjects)).names);
}

/** Adds names that are not there yet. @throws what the store throws. */
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
