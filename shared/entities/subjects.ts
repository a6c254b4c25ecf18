import type { SubjectDocument } from './documents.js';
import { isEntityName, MAX_NAME_LENGTH } from './names.js';

const MIN_SUBJECT_LENGTH = 5;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** Basic authentication ends the first half of a key at a colon. */
const SECRET = /^[\x21-\x39\x3b-\x7e]{1,256}$/;

/** Returns why a subject cannot have this name; undefined if it can. */
export function subjectFault(name: string): string | undefined {
  if (name.length < MIN_SUBJECT_LENGTH) return `Subject name must be at least ${MIN_SUBJECT_LENGTH} characters`;
  if (name.length > MAX_NAME_LENGTH) return `Subject name must be at most ${MAX_NAME_LENGTH} characters`;
  if (name.includes('/')) return 'a subject has no "/" in its name';
  // CouchDB and palette-whisk have other documents with these prefixes.
  for (const reserved of ['_', 'palette-whisk:']) {
    if (name.startsWith(reserved)) return `the name of a subject does not begin with "${reserved}"`;
  }
  if (/\p{Cc}/u.test(name) || name.trim() !== name) {
    return 'a subject has no control characters in its name, and no space at its ends';
  }
  return undefined;
}

/** Returns why a namespace cannot have this name; undefined if it can. */
export function namespaceFault(name: string): string | undefined {
  if (isEntityName(name)) return undefined;
  const shown = name.length > MAX_NAME_LENGTH ? `${name.slice(0, MAX_NAME_LENGTH)}…` : name;
  return (
    `"${shown}" cannot name a namespace: a name has at most ${MAX_NAME_LENGTH} letters, digits and _, ` +
    'and after the first one also spaces, @, ., & and -'
  );
}

/** Returns the first fault of the subjects of a file; undefined without a fault. */
export function subjectsFault(subjects: readonly SubjectDocument[]): string | undefined {
  const names = new Set<string>();
  const owners = new Map<string, string>();
  for (const { _id, subject, namespaces } of subjects) {
    const fault = subjectFault(subject);
    if (fault !== undefined) return `"${subject.slice(0, MAX_NAME_LENGTH)}": ${fault}`;
    if (_id !== subject) return `"${subject}": its _id is another name`;
    if (names.has(subject)) return `"${subject}" is a duplicate`;
    names.add(subject);
    for (const { name, uuid, key } of namespaces) {
      const spaceFault = namespaceFault(name);
      if (spaceFault !== undefined) return `"${subject}": ${spaceFault}`;
      if (!UUID.test(uuid) || !SECRET.test(key)) {
        return `"${subject}": a key is a UUID and a secret of at most 256 visible ASCII characters without a colon`;
      }
      // While a key is being rotated, the old and the new one have the same UUID.
      const owner = `${subject}/${name}`;
      if ((owners.get(uuid) ?? owner) !== owner) return `"${subject}": the UUID of a key is a duplicate`;
      owners.set(uuid, owner);
    }
  }
  return undefined;
}
