import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { subjectDocumentSchema, type SubjectDocument } from '../../shared/entities/documents.js';
import type { ArtifactStore } from '../../shared/store/ArtifactStore.js';
import { UsageError } from './options.js';

/** The two users that every standalone OpenWhisk has, with their well-known keys. */
export const WELL_KNOWN_USERS = {
  guest: '23bc46b1-71f6-4ed5-8c54-816aa4f8c502:123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP',
  'whisk.system':
    '789c46b1-71f6-4ed5-8c54-816aa4f8c502:abczO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP',
} as const;

const apiKey = z.string().regex(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}:[A-Za-z0-9]{64}$/, {
  error: 'a key is a UUID, a colon, and 64 letters and digits',
});
const usersFileSchema = z.union([z.record(z.string().min(5), apiKey), z.array(subjectDocumentSchema)]);

/**
 * Reads a file of users: an object of `"name": "uuid:key"`, or an array of subject documents as CouchDB has them.
 * @throws UsageError saying what is wrong with the file.
 */
export function readUsersFile(file: string): SubjectDocument[] {
  let parsed: z.infer<typeof usersFileSchema>;
  try {
    parsed = usersFileSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    throw new UsageError(`the users file ${file} cannot be used: ${reason(error)}`);
  }
  return Array.isArray(parsed) ? parsed : Object.entries(parsed).map(([name, key]) => subject(name, key));
}

/** Puts the well-known users and `more` into the store; a user who is there already with the same keys is left alone. */
export async function installUsers(subjects: ArtifactStore, more: readonly SubjectDocument[]): Promise<void> {
  const wellKnown = Object.entries(WELL_KNOWN_USERS).map(([name, key]) => subject(name, key));
  const named = new Set(more.map((user) => user._id));
  for (const user of [...wellKnown.filter(({ _id }) => !named.has(_id)), ...more]) {
    const existing = await subjects.get(user._id);
    // A well-known user who was changed (blocked, say) stays as the administrator left it.
    if (existing && !named.has(user._id)) continue;
    const { _rev, ...fields } = existing ?? { _rev: undefined };
    if (JSON.stringify(fields) === JSON.stringify(user)) continue;
    await subjects.put({ ...user, _rev });
  }
}

/** A user with one namespace, which has the user's name; `key` as `uuid:key`. */
export function subject(name: string, key: string): SubjectDocument {
  const colon = key.indexOf(':');
  return { _id: name, subject: name, namespaces: [{ name, uuid: key.slice(0, colon), key: key.slice(colon + 1) }] };
}

function reason(error: unknown): string {
  if (error instanceof z.ZodError) return z.prettifyError(error).replaceAll(/\s*\n\s*/g, ' ');
  return error instanceof Error ? error.message : String(error);
}
