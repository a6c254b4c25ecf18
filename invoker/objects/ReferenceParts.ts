import type { Identity } from '../../shared/entities/identity.js';
import type { ObjectAccess } from './ObjectAccess.js';

/** The objects of an invoker for parameters and results by reference. */
export interface ReferenceParts {
  readonly access: Pick<ObjectAccess, 'read' | 'write'>;
  /** The token of a user's namespace. */
  readonly token: (user: Identity) => string;
}
