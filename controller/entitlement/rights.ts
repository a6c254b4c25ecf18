import { rootNamespace } from '../../shared/entities/names.js';
import type { CollectionName, Privilege, Resource } from './Entitlement.js';

/** All privileges. An API key has all of them. */
export const ALL_PRIVILEGES: readonly Privilege[] = ['READ', 'PUT', 'DELETE', 'ACTIVATE'];

/** The privileges of an owner on an entity, by collection. */
const ENTITY_PRIVILEGES: Readonly<Record<CollectionName, readonly Privilege[]>> = {
  actions: ALL_PRIVILEGES,
  triggers: ALL_PRIVILEGES,
  rules: ALL_PRIVILEGES,
  packages: ['READ', 'PUT', 'DELETE'],
  activations: ['READ'],
  namespaces: ['READ'],
  limits: ['READ'],
  objects: ['READ', 'PUT', 'DELETE'],
};

/**
 * Whether a caller has a right on a resource, by the resource's path: `yes`, `no`, or only if the caller may read a
 * package (`package`: its document id).
 */
export type ImplicitRight = 'yes' | 'no' | { readonly package: string };

/** @param namespace the caller's own namespace */
export function implicitRight(namespace: string, privilege: Privilege, resource: Resource): ImplicitRight {
  const owner = rootNamespace(resource.path) === namespace;
  const { collection, name, path } = resource;
  if (name === undefined) {
    // Every caller may list a namespace's packages; the list for others omits the private ones.
    return privilege === 'READ' && (owner || collection === 'packages') ? 'yes' : 'no';
  }
  if (collection === 'actions' && path.includes('/') && (privilege === 'READ' || privilege === 'ACTIVATE')) {
    return { package: path };
  }
  if (collection === 'packages' && privilege === 'READ') return { package: `${path}/${name}` };
  return owner && ENTITY_PRIVILEGES[collection].includes(privilege) ? 'yes' : 'no';
}
