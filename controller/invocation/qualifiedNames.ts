import { isEntityName, OWN_NAMESPACE, rootNamespace, type FullyQualifiedName } from '../../shared/entities/names.js';
import type { Json } from '../../shared/entities/keyvalue.js';

/** A malformed name; the message is the text that clients of OpenWhisk see. */
export class MalformedNameError extends Error {
  override readonly name = 'MalformedNameError';
}

/** A namespace, a package and an action take 770 characters. */
const MAX_PATH_LENGTH = 4096;

const VERSION = /^\d{1,9}\.\d{1,9}\.\d{1,9}$/;

const TOO_SHORT =
  'requirement failed: The fully qualified name of the entity must contain at least the namespace and the name of the entity.';

/**
 * The segments of a path; empty ones do not count (`/a//b` is `a`, `b`).
 * @throws MalformedNameError if the path has no segments, or a segment that may not name an entity.
 */
function pathSegments(path: string): string[] {
  if (path.length > MAX_PATH_LENGTH) throw new MalformedNameError('requirement failed: path is too long');
  const parts = path.split('/').filter((part) => part !== '');
  if (parts.length === 0) throw new MalformedNameError('requirement failed: path undefined');
  if (!parts.every(isEntityName)) {
    throw new MalformedNameError(`requirement failed: path contains invalid parts WrappedArray(${parts.join(', ')})`);
  }
  return parts;
}

/** Whether the text is one or more names with slashes between. */
export function isPath(text: string): boolean {
  if (text.length > MAX_PATH_LENGTH) return false;
  const parts = text.split('/').filter((part) => part !== '');
  return parts.length > 0 && parts.every(isEntityName);
}

/**
 * Reads a fully qualified name as bodies carry it: `/namespace/package/name`, or `{path, name, version?}`.
 * @throws MalformedNameError
 */
export function readQualifiedName(value: Json): FullyQualifiedName {
  if (typeof value === 'string') return split(pathSegments(value));
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
    const { path, name, version } = value;
    const valid = typeof path === 'string' && isPath(path) && typeof name === 'string' && isEntityName(name);
    if (valid && (version === undefined || version === null)) return { path: pathSegments(path).join('/'), name };
    if (valid && typeof version === 'string' && VERSION.test(version)) {
      return { path: pathSegments(path).join('/'), name, version };
    }
  }
  throw new MalformedNameError('fully qualified name malformed');
}

/** The same name with the caller's namespace where it has the placeholder `_`. */
export function inNamespace(name: FullyQualifiedName, namespace: string): FullyQualifiedName {
  if (rootNamespace(name.path) !== OWN_NAMESPACE) return name;
  return { ...name, path: namespace + name.path.slice(OWN_NAMESPACE.length) };
}

/**
 * Reads the name of a component as a conductor gives it: `action` and `package/action` are the caller's own,
 * `/namespace/action` and `/namespace/package/action` are absolute, and so are three segments without a leading slash.
 * @returns undefined for a malformed name.
 */
export function readComponentName(value: Json, namespace: string): FullyQualifiedName | undefined {
  if (typeof value !== 'string' || !isPath(value)) return undefined;
  const parts = pathSegments(value);
  const absolute = value.startsWith('/');
  if (parts.length > 3 || (absolute && parts.length === 1)) return undefined;
  return inNamespace(split(absolute || parts.length === 3 ? parts : [namespace, ...parts]), namespace);
}

function split(parts: string[]): FullyQualifiedName {
  const name = parts.at(-1);
  if (name === undefined || parts.length < 2) throw new MalformedNameError(TOO_SHORT);
  return { path: parts.slice(0, -1).join('/'), name };
}
