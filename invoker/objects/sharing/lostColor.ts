import { ObjectError } from '../../../shared/objects/ObjectError.js';

/** This invoker is not the owner of the color any more. */
export const lostColor = (): ObjectError =>
  new ObjectError(503, 'Another invoker may have taken the color over.', { retryAfterS: 1 });
