import * as z from 'zod';

/** At most this many characters in one name of an entity. */
export const MAX_NAME_LENGTH = 256;

/** One or more word characters, then also spaces, `@`, `.`, `&` and `-`, not ending in a space. */
const NAME = /^(?:\w|\w[\w@ .&-]{0,254}[\w@.&-])$/;

/** Whether `name` may name an entity (a segment of a path). */
export function isEntityName(name: string): boolean {
  return NAME.test(name);
}

/** The namespace placeholder that stands for the caller's own. */
export const OWN_NAMESPACE = '_';

/**
 * The full name of an entity as messages and rules carry it: `path` is `namespace` or `namespace/package`.
 * `binding` is the path of the package binding through which an action was reached.
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

/** The document id of an entity, `namespace/name` or `namespace/package/name`; also its printed name without a leading slash. */
export function documentId(name: { path: string; name: string }): string {
  return `${name.path}/${name.name}`;
}

/** The first segment of a path. */
export function rootNamespace(path: string): string {
  const slash = path.indexOf('/');
  return slash < 0 ? path : path.slice(0, slash);
}
