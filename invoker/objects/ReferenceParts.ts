import type { Identity } from '../../shared/entities/identity.js';
import type { ObjectNamespace } from '../../shared/objects/ObjectToken.js';
import type { ObjectAccess } from './ObjectAccess.js';

/** The objects of an invoker for parameters and results by reference. */
export interface ReferenceParts {
  readonly access: Pick<ObjectAccess, 'read' | 'write'>;
  /** The user's namespace. */
  readonly namespace: (user: Identity) => ObjectNamespace;
}
