import { ObjectError } from '../../../shared/objects/ObjectError.js';

/** This invoker is not the owner of the color any more. */
export const lostColor = (): ObjectError =>
  new ObjectError(503, 'Another invoker may have taken the color over.', { retryAfterS: 1 });

/** Another invoker, or the store, refuses a request as that of a former owner. */
export const formerOwner = (): ObjectError =>
  new ObjectError(421, 'Another invoker has taken the color over, or tries to.');
