import type { ErrorRequestHandler, Request, Response } from 'express';
import { DocumentConflictError } from '../../shared/store/ArtifactStore.js';
import { TooManyRecordsError } from '../../shared/store/ActivationStore.js';
import { CorruptedEntityError, WrongEntityTypeError } from '../../shared/store/EntityStore.js';
import { BusUnavailableError, MessageTooLargeError } from '../../shared/messaging/Messaging.js';
import type { Logger } from '../../shared/logging/Logger.js';
import { CircularBindingError } from '../invocation/resolve.js';
import { NoInvokersError } from '../loadbalancer/LoadBalancer.js';
import { ApiError, conflict, internalError, serviceUnavailable } from './ApiError.js';
import { MAX_BODY_BYTES } from './body.js';
import { sendJson } from './respond.js';

export const CONFLICT_MESSAGE = 'Concurrent modification to resource detected.';
export const CORRUPTED_MESSAGE = 'Resource is corrupted and cannot be read.';
export const WRONG_COLLECTION_MESSAGE = 'Resource by this name exists but is not in this collection.';

/** No fault of the caller's: later it may work. */
const UNAVAILABLE = [NoInvokersError, BusUnavailableError, TooManyRecordsError];

/** What an error means to the caller. What nobody expected is a 500 that gives nothing away. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof DocumentConflictError) return conflict(CONFLICT_MESSAGE);
  if (error instanceof WrongEntityTypeError) return conflict(WRONG_COLLECTION_MESSAGE);
  if (error instanceof CorruptedEntityError) return internalError(CORRUPTED_MESSAGE);
  if (UNAVAILABLE.some((kind) => error instanceof kind)) return serviceUnavailable();
  if (error instanceof MessageTooLargeError) return new ApiError(413);
  if (error instanceof CircularBindingError) {
    return new ApiError(422, `Package binding '${error.binding}' contains a circular reference.`);
  }
  // A path that is no valid percent-encoding: the router says so by an error with a status.
  if (error instanceof URIError) return new ApiError(400);
  return internalError();
}

/** Bodies that announce more are not worth reading to their end. */
const MAX_DISCARDED_BYTES = 2 * MAX_BODY_BYTES;

/** Answers `{error, code}`; `code` is the transaction's id. */
export function sendError(req: Request, res: Response, error: ApiError): void {
  for (const [name, value] of Object.entries(error.headers ?? {})) res.setHeader(name, value);
  // The rest of the body is read and thrown away: to close while the caller still writes would cost it this very answer.
  if (Number(req.headers['content-length'] ?? 0) > MAX_DISCARDED_BYTES) res.setHeader('Connection', 'close');
  sendJson(res, error.status, { error: error.message.trim() === '' ? ' ' : error.message, code: req.transid.id });
}

/** Whoever threw them has logged what there is to say, once and not for every request. */
const SAID_ELSEWHERE = [ApiError, NoInvokersError, TooManyRecordsError];

/** The one place where errors become answers. */
export function errorHandler(log: Logger): ErrorRequestHandler {
  return (thrown: unknown, req, res, _next) => {
    const error = toApiError(thrown);
    if (error.status >= 500 && !SAID_ELSEWHERE.some((kind) => thrown instanceof kind)) {
      log.error('request failed', { transid: req.transid, error: thrown, method: req.method, path: req.path });
    } else if (log.debugEnabled) {
      log.debug('request refused', { transid: req.transid, status: error.status, reason: error.message });
    }
    if (res.headersSent) {
      res.destroy();
      return;
    }
    sendError(req, res, error);
  };
}
