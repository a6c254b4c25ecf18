import * as z from 'zod';

/** The longest name of an entity in characters. */
export const MAX_NAME_LENGTH = 256;

/** A word character, then also spaces, `@`, `.`, `&` and `-`, without a space at the end. */
const NAME = /^(?:\w|\w[\w@ .&-]{0,254}[\w@.&-])$/;

/** Whether it is a valid name of an entity (a segment of a path). */
export function isEntityName(name: string): boolean {
  return NAME.test(name);
}

/** The placeholder for the caller's own namespace. */
export const OWN_NAMESPACE = '_';

/**
 * The full name of an entity in messages and rules. `path` is `namespace` or `namespace/package`; `binding` is the path
 * of the binding in the request.
 */
export const fullyQualifiedNameSchema = z.object({
  path: z.string(),
  name: z.string(),
  version: z.string().optional(),
  binding: z.string().optional(),
});
export interface FullyQualifiedName {
  path: string;
  name: string;
  version?: string | undefined;
  binding?: string | undefined;
}

/** The document id of an entity, `namespace/name` or `namespace/package/name`. It is also the printed name. */
export function documentId(name: { path: string; name: string }): string {
  return `${name.path}/${name.name}`;
}

/** The first segment of a path. */
export function rootNamespace(path: string): string {
  const slash = path.indexOf('/');
  return slash < 0 ? path : path.slice(0, slash);
}
