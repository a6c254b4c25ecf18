import type { PackageDocument } from '../../shared/entities/documents.js';
import { rootNamespace } from '../../shared/entities/names.js';
import { CircularBindingError, NotFoundError } from '../refusals/refusals.js';

/** Reads packages by document id. */
export interface PackageReader {
  /** @throws WrongEntityTypeError if the document is not a package. */
  getPackage(id: string): Promise<PackageDocument | undefined>;
}

/**
 * Whether a caller may read a package: the caller owns it, or it is published. A binding must belong to the caller and
 * lead to such a package. Only the owner learns whether the package exists.
 * @throws NotFoundError or WrongEntityTypeError if the caller owns the namespace and the package is missing or has
 * another type; CircularBindingError; to the owner also the errors of the source.
 */
export async function mayReadPackage(source: PackageReader, namespace: string, id: string): Promise<boolean> {
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
    if (seen.has(bound)) throw new CircularBindingError(bound);
    current = bound;
  }
}

async function lookup(source: PackageReader, id: string, owner: boolean): Promise<PackageDocument | undefined> {
  let found: PackageDocument | undefined;
  try {
    found = await source.getPackage(id);
  } catch (error) {
    if (owner) throw error;
    return undefined;
  }
  if (!found && owner) throw new NotFoundError();
  return found;
}
