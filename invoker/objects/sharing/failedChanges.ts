import { ObjectError } from '../../../shared/objects/ObjectError.js';

/** The error of a change that has left nothing anywhere. */
export function nothingChanged(error: unknown): Error {
  if (error instanceof ObjectError) return error;
  const text = 'Another invoker does not answer.';
  return new ObjectError(503, text, { retryAfterS: 1, cause: error });
}

/** The error of a change that may be somewhere: 503 would say that nothing has changed. */
export function mayGetLost(error: unknown): Error {
  const reason = error instanceof ObjectError ? error.message : 'another invoker does not answer.';
  return new ObjectError(502, `The change may get lost: ${reason}`, { cause: error });
}
