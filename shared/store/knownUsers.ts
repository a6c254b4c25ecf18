import * as z from 'zod';
import { DocumentConflictError, type ArtifactStore } from './ArtifactStore.js';

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
export async function rememberUsers(
  subjects: Pick<ArtifactStore, 'get' | 'put'>,
  names: readonly string[],
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const { _rev, names: before } = await read(subjects);
    const all = new Set([...before, ...names]);
    if (all.size === before.length) return;
    const document = { _id: DOCUMENT, names: [...all].toSorted(), ...(_rev === undefined ? {} : { _rev }) };
    try {
      await subjects.put(document);
      return;
    } catch (error) {
      if (!(error instanceof DocumentConflictError) || attempt === ATTEMPTS) throw error;
    }
  }
}

async function read(subjects: Pick<ArtifactStore, 'get'>): Promise<z.infer<typeof schema>> {
  return schema.safeParse(await subjects.get(DOCUMENT)).data ?? { names: [] };
}
