import { CircularBindingError } from '../refusals/refusals.js';
import { mergeParameters } from './parameters.js';
import type { ResolvedAction } from './Invocation.js';
import type { Action, PackageDocument } from '../../shared/entities/documents.js';
import type { KeyValue } from '../../shared/entities/keyvalue.js';
import { documentId, type FullyQualifiedName } from '../../shared/entities/names.js';

/** Reads packages and actions. Both methods resolve to undefined for an unknown id. */
export interface ActionReader {
  /** @throws WrongEntityTypeError if the document is not a package. */
  getPackage(id: string): Promise<PackageDocument | undefined>;
  /** Reads the action without its code. @throws WrongEntityTypeError if the document is not an action. */
  getAction(id: string): Promise<Action | undefined>;
}

/** The package behind zero or more bindings, with the merged parameters (package < binding). */
export interface ResolvedPackage {
  readonly package: PackageDocument;
  readonly parameters: readonly KeyValue[];
}

/** The document id of the package that a binding refers to; undefined for a plain package. */
function boundPackage(pkg: PackageDocument): string | undefined {
  const { namespace, name } = pkg.binding;
  return namespace === undefined || name === undefined ? undefined : `${namespace}/${name}`;
}

/**
 * Follows the bindings from the package `id` (`namespace/name`) to the package that contains the actions.
 * @returns undefined if a package on the way does not exist.
 * @throws CircularBindingError
 */
async function resolvePackage(source: ActionReader, id: string): Promise<ResolvedPackage | undefined> {
  const seen = new Set<string>();
  let parameters: readonly KeyValue[] = [];
  let next = id;
  for (;;) {
    if (seen.has(next)) throw new CircularBindingError(next);
    seen.add(next);
    const found = await source.getPackage(next);
    if (!found) return undefined;
    // The binding was read before its package and overrides it.
    parameters = mergeParameters(found.parameters, parameters);
    const bound = boundPackage(found);
    if (bound === undefined) return { package: found, parameters };
    next = bound;
  }
}

/**
 * Finds an action by its name, without a check of rights. The name's `path` is a namespace or `namespace/package`; the
 * package may be a binding. API, web actions, rules, sequences and conductors all resolve names through this function.
 * @returns undefined if the package, the bound package or the action does not exist.
 * @throws CircularBindingError, and the source's error for a document of another type.
 */
export async function resolveAction(
  source: ActionReader,
  name: FullyQualifiedName,
): Promise<ResolvedAction | undefined> {
  if (!name.path.includes('/')) {
    const action = await source.getAction(documentId(name));
    return action && { action, parameters: action.parameters };
  }
  const found = await resolvePackage(source, name.path);
  if (!found) return undefined;
  const path = documentId({ path: found.package.namespace, name: found.package.name });
  const action = await source.getAction(`${path}/${name.name}`);
  if (!action) return undefined;
  return {
    action,
    binding: path === name.path ? undefined : name.path,
    parameters: mergeParameters(found.parameters, action.parameters),
  };
}

/** The name of the action behind bindings, without a check that it exists; undefined if its package does not exist. */
export async function resolveActionName(
  source: ActionReader,
  name: FullyQualifiedName,
): Promise<FullyQualifiedName | undefined> {
  if (!name.path.includes('/')) return { path: name.path, name: name.name };
  const found = await resolvePackage(source, name.path);
  return found && { path: `${found.package.namespace}/${found.package.name}`, name: name.name };
}
