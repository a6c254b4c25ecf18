import type { PackageDocument } from '../../shared/entities/documents.js';
import { rootNamespace } from '../../shared/entities/names.js';
import { WrongEntityTypeError } from '../../shared/store/EntityStore.js';
import { ApiError, conflict, notFound } from '../http/ApiError.js';
import { WRONG_COLLECTION_MESSAGE } from '../http/errors.js';

/** Where packages are read from, by document id. */
export interface PackageSource {
  /** @throws WrongEntityTypeError where the document of that id is no package. */
  getPackage(id: string): Promise<PackageDocument | undefined>;
}

/**
 * Whether a caller may read a package: its own or a published one; a binding only where it is the caller's and leads to
 * such a package. Only an owner learns whether there is such a package at all.
 * @throws ApiError 404 or 409 to the owner of a package that is missing or something else, 422 for a circular binding.
 */
export async function mayReadPackage(source: PackageSource, namespace: string, id: string): Promise<boolean> {
  const seen = new Set<string>();
  let current = id;
  for (;;) {
    const owner = rootNamespace(current) === namespace;
    seen.add(current);
    const found = await lookup(source, current, owner);
    if (!found) return false;
    const { namespace: boundNamespace, name } = found.binding;
    if (boundNamespace === undefined || name === undefined) return found.publish || owner;
    if (!owner) return false;
    const bound = `${boundNamespace}/${name}`;
    if (seen.has(bound)) throw new ApiError(422, `Package binding '${bound}' contains a circular reference.`);
    current = bound;
  }
}

async function lookup(source: PackageSource, id: string, owner: boolean): Promise<PackageDocument | undefined> {
  try {
    const found = await source.getPackage(id);
    if (!found && owner) throw notFound();
    return found;
  } catch (error) {
    if (error instanceof ApiError) throw error;
    if (!owner) return undefined;
    if (error instanceof WrongEntityTypeError) throw conflict(WRONG_COLLECTION_MESSAGE);
    throw error;
  }
}
