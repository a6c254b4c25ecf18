/*
 * The error texts in users' records. They are OpenWhisk's (`http/ErrorResponse.scala`), since its clients and tests
 * match on them.
 */

/** The most characters of a document or a message to quote. */
const MAX_QUOTED = 256;

export const abnormalInitialization = 'The action did not initialize and exited unexpectedly.';
export const abnormalRun = 'The action did not produce a valid response and exited unexpectedly.';
export const memoryExhausted = 'The action exhausted its memory and was aborted.';
export const resourceProvisionError = 'Failed to provision resources to run the action.';
export const actionRemoved = 'Action could not be found or may have been deleted.';
const actionMismatch = 'Action version is not compatible and cannot be invoked.';
export const actionFetchError = 'Action could not be fetched.';
/**
 * Not a text of OpenWhisk, like the next three. OpenWhisk uses the two texts above and counts these as invoker errors.
 */
export const replaced = `${actionMismatch} Its name now stands for another kind of entity.`;
export const becameSequence = `${actionMismatch} It has become a sequence.`;
export const changedMeanwhile = `${actionMismatch} It was deleted, or changed to another kind, before it could run.`;
export const withoutImage = `${actionMismatch} It names no image.`;

export function unknownKind(kind: string): string {
  return `${actionMismatch} This platform has no runtime for its kind '${kind.slice(0, MAX_QUOTED)}'.`;
}

/** @param detail the invalid field and its error. */
export function damaged(detail: string): string {
  return `${actionFetchError} Its document is damaged: ${detail.slice(0, MAX_QUOTED)}`;
}

export const namespaceBlocked = 'The action was not invoked due to a blacklisted namespace.';
/** Not a text of OpenWhisk, which loses such activations. */
export const outcomeUnknown = 'The invoker failed during this activation. It is unknown whether the action ran.';
/** Not a text of OpenWhisk, which runs such activations although it has recorded them as failed. */
export const waitedTooLong =
  'The activation did not run. It waited for too long, and the store did not say whether it was given up.';
/** Not a text of OpenWhisk, like the next two. */
export function unreadableParameter(name: string, cipher: string): string {
  return `The parameter '${name}' cannot be decrypted with ${cipher}: it was changed, or the server has another key or none.`;
}

/** Memory in MB. */
export function tooLarge(neededMB: number, availableMB: number): string {
  return `${resourceProvisionError} It needs ${neededMB} MB, and an invoker has ${availableMB} MB.`;
}

/** @param others the number of other activations in the container. */
export function sharedContainerEnded(others: number): string {
  const rest = others === 1 ? 'another activation' : `${others} other activations`;
  return `${abnormalRun} The container also ran ${rest}, which may have ended it.`;
}

export const logFailure = 'There was an issue while collecting your logs. Data might be missing.';
export const logWarningDeveloperError = 'The action did not initialize or run as expected. Log data might be missing.';

export function timedOut(timeoutMs: number, init: boolean): string {
  return `The action exceeded its time limits of ${timeoutMs} milliseconds${init ? ' during initialization.' : '.'}`;
}

export function invalidInitResponse(body: string): string {
  return `The action failed during initialization${body === '' ? '.' : `: ${body}`}`;
}

export function invalidRunResponse(body: string): string {
  return `The action did not produce a valid JSON or JSON Array response${body === '' ? '.' : `: ${body}`}`;
}

/** Not a text of OpenWhisk. */
export function tooManyValues(limit: number): string {
  return `The action produced a response of over 1 MB with more than ${limit} JSON values.`;
}

/** `length` and `limit` in bytes. */
export function truncatedResponse(part: string, length: number, limit: number): string {
  return `The action produced a response that exceeded the allowed length: ${length} > ${limit} bytes. The truncated response was: ${part}`;
}

/** Not texts of OpenWhisk, like all that are about objects. @param object its address. */
export function unresolvedReference(object: string, reason: string): string {
  return `The parameters refer to the object '${object}', which could not be read: ${reason}`;
}

/** @param limit in bytes. */
export function referencesTooLarge(limit: number): string {
  return `The objects to which the parameters refer have more than ${limit} bytes together.`;
}

/** @param length in bytes. */
export function resultNotKept(length: number, reason: string): string {
  return `The result of ${length} bytes could not be kept as an object: ${reason}`;
}

/** The reason why an object is not read, at its end: the type says JSON. */
export function invalidJson(contentType: string): string {
  return `It has the type ${contentType}, but is not valid JSON.`;
}

export const noParameters = 'All parameters together must be an object or a list of JSON.';

export const noObjects = 'The invoker has no objects for parameters and results by reference.';

/** @param limitMs the time limit of the action. */
export function referencesTooSlow(limitMs: number): string {
  return `The objects to which the parameters refer could not be read within the time limit of ${limitMs} milliseconds.`;
}
