import { usageError } from './CommandError.js';

/** The name of an entity: its namespace (`_`: the caller's own), its package and its own name. */
export interface EntityName {
  readonly namespace: string;
  readonly package: string | undefined;
  readonly name: string;
}

/**
 * Reads `name`, `package/name`, `/namespace/name`, `/namespace/package/name` or `namespace/package/name`.
 * @throws CommandError
 */
export function entityName(text: string): EntityName {
  const parts = text.split('/');
  const qualified = text.startsWith('/') ? parts.slice(1) : parts.length === 3 ? parts : ['_', ...parts];
  const [namespace, ...path] = qualified;
  if (
    namespace === undefined ||
    path.length === 0 ||
    path.length > 2 ||
    qualified.some((part) => part === '' || part === '.')
  ) {
    throw usageError(`'${text}' is not a name: use NAME, PACKAGE/NAME or /NAMESPACE/PACKAGE/NAME`);
  }
  const [first = '', second] = path;
  return second === undefined
    ? { namespace, package: undefined, name: first }
    : { namespace, package: first, name: second };
}

/** Reads an optional `/namespace` or `/namespace/package` or `package` of a list. @throws CommandError */
export function listScope(text: string | undefined): { readonly namespace: string; readonly package?: string } {
  if (text === undefined || text === '') return { namespace: '_' };
  const [empty, namespace = '', inside, ...more] = text.split('/');
  if (empty !== '' && namespace === '') return { namespace: '_', package: text };
  if (empty !== '' || namespace === '' || more.length > 0) {
    throw usageError(`'${text}' is not a namespace: use /NAMESPACE or /NAMESPACE/PACKAGE`);
  }
  return inside === undefined || inside === '' ? { namespace } : { namespace, package: inside };
}

/** `package/name` or `name`. */
export const localName = ({ package: within, name }: EntityName): string =>
  within === undefined ? name : `${within}/${name}`;

/** `/namespace/package/name`. */
export const fullName = (entity: EntityName): string => `/${entity.namespace}/${localName(entity)}`;

/** The path of an entity below `/namespaces`. */
export const entityPath = (entity: EntityName, collection: string): string =>
  `/namespaces/${encodeURIComponent(entity.namespace)}/${collection}/${localName(entity).split('/').map(encodeURIComponent).join('/')}`;
