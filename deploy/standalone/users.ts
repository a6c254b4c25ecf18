import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import { readBounded } from '../../shared/files/readBounded.js';
import { subjectDocumentSchema, type SubjectDocument } from '../../shared/entities/documents.js';
import { subjectsFault } from '../../shared/entities/subjects.js';
import { WELL_KNOWN_USERS } from '../../shared/access/wellKnownKeys.js';
import type { ArtifactStore } from '../../shared/store/ArtifactStore.js';
import { knownUsers, rememberUsers } from '../../shared/store/knownUsers.js';
import { UsageError } from './options.js';
import { messageOf } from '../../shared/errors/reasons.js';
import { schemaMistake } from '../../shared/errors/schemaMistake.js';

export { WELL_KNOWN_USERS };

const apiKey = z.string().regex(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}:[A-Za-z0-9]{64}$/, {
  error: 'a key is a UUID, a colon, and 64 letters and digits',
});
const usersFileSchema = z.union([z.record(z.string().min(5), apiKey), z.array(subjectDocumentSchema)]);

/**
 * Reads a file of users: an object of `"name": "uuid:key"`, or an array of subject documents.
 * @throws UsageError that describes the fault of the file.
 */
export function readUsersFile(file: string): SubjectDocument[] {
  let parsed: z.infer<typeof usersFileSchema>;
  try {
    parsed = usersFileSchema.parse(JSON.parse(readBounded(file).toString()));
  } catch (error) {
    throw new UsageError(`the users file ${file} cannot be used: ${reason(error)}`);
  }
  const subjects = Array.isArray(parsed) ? parsed : Object.entries(parsed).map(([name, key]) => subject(name, key));
  const fault = subjectsFault(subjects);
  if (fault !== undefined) throw new UsageError(`the users file ${file} cannot be used: ${fault}`);
  return subjects;
}

/**
 * Creates the well-known users and `more`, each of them only once: existing and deleted users stay as the administrator
 * left them.
 * @returns the names of `more` whose users differ from the file.
 */
export async function installUsers(subjects: ArtifactStore, more: readonly SubjectDocument[]): Promise<string[]> {
  const wellKnown = Object.entries(WELL_KNOWN_USERS).map(([name, key]) => subject(name, key));
  const named = new Set(more.map((user) => user._id));
  const known = await knownUsers(subjects);
  const users = [...wellKnown.filter(({ _id }) => !named.has(_id)), ...more];
  const left: string[] = [];
  for (const user of users) {
    const existing = await subjects.get(user._id);
    if (!existing && !known.has(user._id)) await subjects.put(user);
    else if (named.has(user._id) && !isSame(existing, user)) left.push(user._id);
  }
  await rememberUsers(
    subjects,
    users.map(({ _id }) => _id),
  );
  return left;
}

function isSame(existing: object | undefined, user: SubjectDocument): boolean {
  const { _rev: _, ...fields } = { _rev: undefined, ...existing };
  const { _rev: __, ...wanted } = user;
  return isDeepStrictEqual(fields, wanted);
}

/** Makes a user with one namespace of the same name. @param key as `uuid:key`. */
export function subject(name: string, key: string): SubjectDocument {
  const colon = key.indexOf(':');
  return { _id: name, subject: name, namespaces: [{ name, uuid: key.slice(0, colon), key: key.slice(colon + 1) }] };
}

/** The longest error in characters. */
const MAX_REASON = 500;

function reason(error: unknown): string {
  const text = error instanceof z.ZodError ? schemaMistake(error) : messageOf(error);
  return text.replaceAll(/\s*\n\s*/g, ' ').slice(0, MAX_REASON);
}
