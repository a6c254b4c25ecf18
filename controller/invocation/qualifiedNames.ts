import { isEntityName, OWN_NAMESPACE, rootNamespace, type FullyQualifiedName } from '../../shared/entities/names.js';
import type { Json } from '../../shared/entities/keyvalue.js';

/** A malformed name. The message is the text that OpenWhisk's clients know. */
export class MalformedNameError extends Error {
  override readonly name = 'MalformedNameError';
}

/** The longest path in characters. A namespace, a package and an action take at most 770. */
const MAX_PATH_LENGTH = 4096;

const VERSION = /^\d{1,9}\.\d{1,9}\.\d{1,9}$/;

const TOO_SHORT =
  'requirement failed: The fully qualified name of the entity must contain at least the namespace and the name of the entity.';

/**
 * The segments of a path without empty ones (`/a//b` is `a`, `b`).
 * @throws MalformedNameError if the path has no segments or a segment is not a valid entity name.
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

/** Whether the text consists of one or more names, separated by slashes. */
export function isPath(text: string): boolean {
  if (text.length > MAX_PATH_LENGTH) return false;
  const parts = text.split('/').filter((part) => part !== '');
  return parts.length > 0 && parts.every(isEntityName);
}

/**
 * Reads a fully qualified name from a body: `/namespace/package/name` or `{path, name, version?}`.
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

/** The name with the caller's namespace in the place of `_`. */
export function inNamespace(name: FullyQualifiedName, namespace: string): FullyQualifiedName {
  if (rootNamespace(name.path) !== OWN_NAMESPACE) return name;
  return { ...name, path: namespace + name.path.slice(OWN_NAMESPACE.length) };
}

/**
 * Reads the name of a component from a conductor's result. `action` and `package/action` are in the caller's namespace;
 * `/namespace/action`, `/namespace/package/action` and three segments without a leading slash are absolute.
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
