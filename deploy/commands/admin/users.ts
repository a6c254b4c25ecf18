import { randomInt, randomUUID } from 'node:crypto';
import * as z from 'zod';
import type { ApiKey } from '../../../controller/authentication/basic.js';
import { subjectDocumentSchema, type SubjectDocument } from '../../../shared/entities/documents.js';
import { namespaceFault, subjectFault } from '../../../shared/entities/subjects.js';
import type { ArtifactStore } from '../../../shared/store/ArtifactStore.js';
import { retryConflicts } from '../../../shared/store/conflicts.js';
import { rememberUsers } from '../../../shared/store/knownUsers.js';
import { SubjectStore } from '../../../shared/store/SubjectStore.js';
import { AdminError } from './AdminError.js';

/* Operations on subjects. Each resolves to the lines to print, and throws an AdminError if it fails. */

/** A namespace of a subject, with the key. */
type Grant = SubjectDocument['namespaces'][number];

const apiKeySchema: z.ZodType<ApiKey> = z.object({ uuid: z.string(), key: z.string() });

const SECRET_LENGTH = 64;
const MAX_SECRET_LENGTH = 256;
const LETTERS_AND_DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Makes a new key. */
export function generateKey(): ApiKey {
  const letter = (): string => LETTERS_AND_DIGITS.charAt(randomInt(LETTERS_AND_DIGITS.length));
  return { uuid: randomUUID(), key: Array.from({ length: SECRET_LENGTH }, letter).join('') };
}

/** Reads `uuid:key`. */
export function parseKey(text: string): ApiKey {
  const [uuid = '', key = '', ...more] = text.split(':');
  if (!UUID.test(uuid)) throw new AdminError('authorization id is not a valid UUID', 2);
  if (key.length < SECRET_LENGTH || key.length > MAX_SECRET_LENGTH || more.length > 0) {
    throw new AdminError(`authorization key must be at least ${SECRET_LENGTH} characters long`, 2);
  }
  if (!/^[!-~]*$/.test(key)) throw new AdminError('authorization key must be of visible ASCII characters', 2);
  return { uuid: uuid.toLowerCase(), key };
}

export const printed = ({ uuid, key }: ApiKey): string => `${uuid}:${key}`;

export interface CreateOptions {
  /** Missing: the subject's own namespace. */
  readonly namespace?: string | undefined;
  readonly key: ApiKey;
  /** Whether to replace an existing key. */
  readonly replace: boolean;
}

/** Creates a subject, or gives an existing subject a key to another namespace. */
export async function createUser(subjects: ArtifactStore, name: string, options: CreateOptions): Promise<string[]> {
  const { namespace = name, key, replace } = options;
  refuse(subjectFault(name) ?? namespaceFault(namespace));
  await change(subjects, name, (found) => {
    const subject: SubjectDocument = found ?? { _id: name, subject: name, namespaces: [] };
    return { ...subject, namespaces: withGrant(subject, { name: namespace, ...key }, replace) };
  });
  return [printed(key)];
}

function refuse(fault: string | undefined): void {
  if (fault !== undefined) throw new AdminError(fault, 2);
}

/** Gives an existing subject a key to a namespace. */
export async function grant(subjects: ArtifactStore, name: string, namespace: string, key: ApiKey): Promise<string[]> {
  refuse(namespaceFault(namespace));
  await change(subjects, name, (found) => {
    const subject = existing(found, name);
    return { ...subject, namespaces: withGrant(subject, { name: namespace, ...key }, false) };
  });
  return [printed(key)];
}

/** Removes a subject's key to a namespace. */
export async function revoke(subjects: ArtifactStore, name: string, namespace: string): Promise<string[]> {
  await change(subjects, name, (found) => {
    const subject = existing(found, name);
    const namespaces = subject.namespaces.filter((space) => space.name !== namespace);
    if (namespaces.length === subject.namespaces.length) {
      throw new AdminError(`Namespace "${namespace}" does not exist for "${name}"`);
    }
    return { ...subject, namespaces };
  });
  return ['Namespace deleted'];
}

export async function deleteUser(subjects: ArtifactStore, name: string): Promise<string[]> {
  const found = await read(subjects, name);
  const { _rev = '' } = existing(found, name);
  // Remember the name first: a users file must not install a deleted user again.
  await rememberUsers(subjects, [name]);
  if (!(await subjects.delete(name, _rev))) throw new AdminError(`Subject "${name}" does not exist`);
  return ['Subject deleted'];
}

/**
 * Gives a subject a new key to a namespace. The old key stays valid until `finishRotation`. Both have the same UUID, so
 * they share the namespace's rates.
 */
export async function rotate(subjects: ArtifactStore, name: string, namespace = name): Promise<string[]> {
  const { key } = generateKey();
  let rotated: Grant | undefined;
  await change(subjects, name, (found) => {
    const subject = existing(found, name);
    const [current, ...more] = keysTo(subject, namespace);
    if (!current) throw new AdminError(`namespace "${namespace}" not found for "${name}"`);
    if (more.length > 0) throw new AdminError(`two keys are valid already: end that with user rotate ${name} --finish`);
    rotated = { ...current, key };
    return { ...subject, namespaces: [...subject.namespaces, rotated] };
  });
  return rotated ? [printed(rotated)] : [];
}

/** Ends a rotation: only the newest key of a subject to a namespace stays valid. */
export async function finishRotation(subjects: ArtifactStore, name: string, namespace = name): Promise<string[]> {
  await change(subjects, name, (found) => {
    const subject = existing(found, name);
    const keys = keysTo(subject, namespace);
    const newest = keys.at(-1);
    if (keys.length < 2) throw new AdminError(`"${name}" has no second key to the namespace "${namespace}"`);
    return { ...subject, namespaces: subject.namespaces.filter((key) => key.name !== namespace || key === newest) };
  });
  return ['The old key is not valid any more'];
}

/** A subject's keys to a namespace, the newest last. */
const keysTo = ({ namespaces }: SubjectDocument, namespace: string): Grant[] =>
  namespaces.filter((space) => space.name === namespace);

/** A subject's newest key to one namespace; with `all` its namespaces and keys, one in a line. */
export async function getUser(
  subjects: ArtifactStore,
  name: string,
  options: { readonly namespace?: string | undefined; readonly all: boolean; readonly json: boolean },
): Promise<string[]> {
  const subject = existing(await read(subjects, name), name);
  const namespace = options.namespace ?? name;
  const chosen = options.all ? subject.namespaces : keysTo(subject, namespace).slice(-1);
  if (chosen.length === 0 && !options.all) throw new AdminError(`namespace "${namespace}" not found for "${name}"`);
  if (options.json) return [JSON.stringify(chosen.map((space) => ({ namespace: space.name, key: printed(space) })))];
  return chosen.map((space) => (options.all ? `${space.name}\t${printed(space)}` : printed(space)));
}

const PAGE = 500;

/** All subjects in the order of their names, one in a line: name, namespaces, and whether it is blocked. No keys. */
export async function* listSubjects(subjects: ArtifactStore, json: boolean): AsyncGenerator<string> {
  for (let after: string | undefined; ;) {
    const page = await subjects.listDocuments(after, PAGE);
    for (const doc of page) {
      const parsed = doc._id.includes('/') ? undefined : subjectDocumentSchema.safeParse(doc);
      if (parsed?.success !== true) continue;
      const { subject, blocked = false, namespaces } = parsed.data;
      const names = [...new Set(namespaces.map(({ name }) => name))];
      if (json) yield JSON.stringify({ subject, namespaces: names, blocked });
      else yield [subject, names.join(', '), ...(blocked ? ['blocked'] : [])].join('\t');
    }
    after = page.at(-1)?._id;
    if (page.length < PAGE) return;
  }
}

/** The keys of all subjects to a namespace; at most `limit`. */
export async function listUsers(
  subjects: ArtifactStore,
  namespace: string,
  options: { readonly limit: number | undefined; readonly keysOnly: boolean; readonly json: boolean },
): Promise<string[]> {
  const range = { startKey: [namespace], endKey: [namespace] };
  const rows = await subjects.query('subjects.v2.0.0/identities', range);
  const found = rows.slice(0, options.limit).map((row) => {
    const parsed = apiKeySchema.safeParse(row.value);
    if (!parsed.success) throw new AdminError(`subject ${row.id} is damaged`);
    return { subject: row.id, key: printed(parsed.data) };
  });
  if (options.json) return [JSON.stringify(found)];
  if (found.length === 0) return [`no identities found for namespace "${namespace}"`];
  return found.map(({ subject, key }) => (options.keysOnly ? key : `${key}\t${subject}`));
}

/** The subject and the namespace of a key. */
export async function whois(subjects: ArtifactStore, { uuid, key }: ApiKey, json: boolean): Promise<string[]> {
  const identity = await new SubjectStore(subjects).identityByKey(uuid, key);
  if (!identity) return [json ? 'null' : 'Subject id is not recognized'];
  if (json) return [JSON.stringify({ subject: identity.subject, namespace: identity.namespace.name })];
  return [`subject: ${identity.subject}`, `namespace: ${identity.namespace.name}`];
}

/** Blocks or unblocks a subject. */
export async function setBlocked(subjects: ArtifactStore, name: string, blocked: boolean): Promise<string[]> {
  await change(subjects, name, (found) => ({ ...existing(found, name), blocked }));
  return [`"${name}" ${blocked ? 'blocked' : 'unblocked'} successfully`];
}

function withGrant(subject: SubjectDocument, grant: Grant, replace: boolean): Grant[] {
  if (subject.blocked) throw new AdminError('The subject you want to edit is blocked');
  const same = subject.namespaces.filter((space) => space.name === grant.name);
  if (same.length === 0) return [...subject.namespaces, grant];
  if (!replace) throw new AdminError('Namespace already exists');
  if (same.length > 1) throw new AdminError('Namespace is not unique');
  return subject.namespaces.map((space) => (space === same[0] ? { ...space, ...grant } : space));
}

async function read(subjects: ArtifactStore, name: string): Promise<SubjectDocument | undefined> {
  // The same database contains limits and design documents, whose ids have a slash.
  const found = name.includes('/') ? undefined : await subjects.get(name);
  if (!found) return undefined;
  const parsed = subjectDocumentSchema.safeParse(found);
  if (!parsed.success) throw new AdminError(`the document of "${name}" is not a subject`);
  return parsed.data;
}

function existing(found: SubjectDocument | undefined, name: string): SubjectDocument {
  if (!found) throw new AdminError(`Subject "${name}" does not exist`);
  return found;
}

/** Writes what `edit` makes of a subject; again from the read after a conflict. */
async function change(
  subjects: ArtifactStore,
  name: string,
  edit: (found: SubjectDocument | undefined) => SubjectDocument,
): Promise<void> {
  if (name.includes('/')) throw new AdminError('a subject has no "/" in its name', 2);
  await retryConflicts(5, async () => subjects.put(edit(await read(subjects, name))));
}
