import {
  CircularBindingError,
  DeprecatedKindError,
  ParametersNotAllowedError,
  KindNotAllowedError,
  NotAuthenticatedError,
  NoInstancesError,
  NotAuthorizedError,
  NotFoundError,
  Refusal,
  ThrottledError,
  type Explain,
} from '../refusals/refusals.js';
import { ApiError, badRequest, conflict, defaultMessage, internalError, notFound } from '../http/ApiError.js';
import { NoInvokersError } from '../loadbalancer/LoadBalancer.js';
import { BusUnavailableError, MessageTooLargeError } from '../../shared/messaging/Messaging.js';
import { TooManyRecordsError } from '../../shared/store/ActivationStore.js';
import { DocumentConflictError, StoreFullError, StoreUnavailableError } from '../../shared/store/ArtifactStore.js';
import { CorruptedEntityError, WrongEntityTypeError } from '../../shared/store/EntityStore.js';

export const CORRUPTED_MESSAGE = 'Resource is corrupted and cannot be read.';
const PARAMETERS_NOT_ALLOWED = 'Request defines parameters that are not allowed (e.g., reserved properties).';

const CHALLENGE = { 'www-authenticate': 'Basic realm="OpenWhisk secure realm",charset=UTF-8' };

/** In seconds. Clients may try again after that. */
const LATER = { 'retry-after': '5' };

/** Temporary errors: a later request may succeed. */
const UNAVAILABLE = [NoInvokersError, BusUnavailableError, TooManyRecordsError];

/** Server errors that are logged once at their source, not for every request. */
const LOGGED_WHERE_THEY_AROSE = [ApiError, NoInvokersError, TooManyRecordsError, StoreUnavailableError];

/** The response to an error. The response to an unexpected error is a 500 without details. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof Refusal) return refusalAnswer(error);
  if (error instanceof DocumentConflictError) return conflict('Concurrent modification to resource detected.');
  if (error instanceof WrongEntityTypeError) {
    return conflict('Resource by this name exists but is not in this collection.');
  }
  if (error instanceof CorruptedEntityError) return internalError(CORRUPTED_MESSAGE);
  if (error instanceof StoreFullError) return storeUnavailable(error.message);
  if (error instanceof StoreUnavailableError) return storeUnavailable('The database does not answer. Try again later.');
  // The caller learns which requirement no invoker meets.
  if (error instanceof NoInvokersError && error.unmet) return new ApiError(503, error.message);
  if (UNAVAILABLE.some((kind) => error instanceof kind)) return new ApiError(503, undefined, LATER);
  if (error instanceof MessageTooLargeError) return new ApiError(413);
  // The router throws this for a path with malformed percent-encoding.
  if (error instanceof URIError) return new ApiError(400);
  return internalError();
}

const storeUnavailable = (reason: string): ApiError => new ApiError(503, reason, LATER);

/** Whether the error was logged at its source. */
export function wasLogged(error: unknown): boolean {
  return LOGGED_WHERE_THEY_AROSE.some((kind) => error instanceof kind);
}

/** The error message for a record when no request waits. The message of a server failure omits the cause. */
export const explain: Explain = (error) => {
  const { status: statusCode, message } = toApiError(error);
  const refused = statusCode < 500;
  return { statusCode, refused, message: refused ? message : defaultMessage(500) };
};

function refusalAnswer(refusal: Refusal): ApiError {
  if (refusal instanceof ThrottledError) return new ApiError(429, throttled(refusal));
  if (refusal instanceof NoInstancesError) {
    return new ApiError(429, "The action cannot run: its limit 'instances' is 0. Set it to 1 or more.");
  }
  if (refusal instanceof NotAuthorizedError) return new ApiError(403, notAuthorized(refusal.resources));
  if (refusal instanceof NotAuthenticatedError) return notAuthenticated(refusal);
  if (refusal instanceof NotFoundError) {
    const { resource } = refusal;
    return notFound(resource === undefined ? undefined : `The requested resource '${resource}' does not exist.`);
  }
  if (refusal instanceof KindNotAllowedError) {
    const text = `The supplied authentication is not authorized to access actions of kind '${refusal.kind}'.`;
    return new ApiError(403, text);
  }
  if (refusal instanceof DeprecatedKindError) {
    return badRequest(
      `The '${refusal.kind}' runtime is no longer supported. You may read and delete but not update or invoke this action.`,
    );
  }
  if (refusal instanceof CircularBindingError) {
    return new ApiError(422, `Package binding '${refusal.binding}' contains a circular reference.`);
  }
  if (refusal instanceof ParametersNotAllowedError) return badRequest(PARAMETERS_NOT_ALLOWED);
  return internalError();
}

function throttled({ limit, count, allowed }: ThrottledError): string {
  const what = limit === 'concurrent' ? 'concurrent requests in flight' : 'requests in the last minute';
  return `Too many ${what} (count: ${count}, allowed: ${allowed}).`;
}

const notAuthorized = (resources: readonly string[]): string =>
  `The supplied authentication is not authorized to access '${resources.join(', ')}'.`;

const WELL_KNOWN_KEY =
  'Everybody knows this key, so it is accepted from the server’s own machine only. Use a key of your own.';

function notAuthenticated({ fault }: NotAuthenticatedError): ApiError {
  if (fault === 'no identity') return new ApiError(401);
  if (fault === 'well known') return new ApiError(401, WELL_KNOWN_KEY, CHALLENGE);
  return new ApiError(
    401,
    fault === 'missing'
      ? 'The resource requires authentication, which was not supplied with the request'
      : 'The supplied authentication is invalid',
    CHALLENGE,
  );
}
