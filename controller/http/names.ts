import { isEntityName, MAX_NAME_LENGTH, OWN_NAMESPACE } from '../../shared/entities/names.js';
import type { Identity } from '../../shared/entities/identity.js';
import { badRequest } from './ApiError.js';

/** The namespace in a segment of a path; `_` is the caller's own namespace. @throws ApiError 400 */
export function namespaceOf(segment: string, user: Identity): string {
  if (segment === OWN_NAMESPACE) return user.namespace.name;
  if (isEntityName(segment)) return segment;
  throw badRequest(
    segment.length > MAX_NAME_LENGTH
      ? `Namespace longer than allowed: ${segment.length} > ${MAX_NAME_LENGTH}.`
      : 'The namespace contains illegal characters.',
  );
}

/** The entity name in a decoded segment of a path. @throws ApiError 400 */
export function entityNameOf(segment: string): string {
  if (isEntityName(segment)) return segment;
  throw badRequest(
    segment.length > MAX_NAME_LENGTH
      ? `Name segement longer than allowed: ${segment.length} > ${MAX_NAME_LENGTH}.`
      : 'The name of the entity contains illegal characters.',
  );
}
