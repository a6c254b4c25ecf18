import type { ServerResponse } from 'node:http';
import type { Logger } from '../../shared/logging/Logger.js';
import { ApiError } from './ApiError.js';
import type { ApiRequest } from './ApiRequest.js';
import { MAX_BODY_BYTES } from './body.js';
import { sendJson } from './respond.js';

/** The server does not discard a larger body; it closes the connection. */
const MAX_DISCARDED_BYTES = 2 * MAX_BODY_BYTES;

/** Sends `{error, code}`; `code` is the transaction id. */
function sendError(req: ApiRequest, res: ServerResponse, error: ApiError): void {
  for (const [name, value] of Object.entries(error.headers ?? {})) res.setHeader(name, value);
  // Read and discard the rest of the body: if the connection closes while the caller writes, it may lose the response.
  if (Number(req.headers['content-length'] ?? 0) > MAX_DISCARDED_BYTES) res.setHeader('Connection', 'close');
  sendJson(res, error.status, { error: bounded(error.message), code: req.transid.id });
}

/** The longest error message in characters: it may quote the caller's input. */
const MAX_MESSAGE_LENGTH = 8192;

function bounded(message: string): string {
  if (message.length > MAX_MESSAGE_LENGTH) return `${message.slice(0, MAX_MESSAGE_LENGTH)}...`;
  return message.trim() === '' ? ' ' : message;
}

/** The path of a target, without the query. */
const pathOf = (target = ''): string => target.split('?', 1)[0] ?? '';

/** The application's knowledge of the errors of its routes. */
export interface ErrorAnswers {
  toApiError(thrown: unknown): ApiError;
  /** Whether the error is logged once at its source, not for every request. */
  wasLogged(thrown: unknown): boolean;
}

/** Turns errors into responses. No other code does. */
export function errorAnswer(
  log: Logger,
  answers: ErrorAnswers,
): (thrown: unknown, req: ApiRequest, res: ServerResponse) => void {
  return (thrown, req, res) => {
    const error = answers.toApiError(thrown);
    if (error.status >= 500 && !answers.wasLogged(thrown)) {
      log.error('request failed', { transid: req.transid, error: thrown, method: req.method, path: pathOf(req.url) });
    } else if (log.debugEnabled) {
      log.debug('request refused', { transid: req.transid, status: error.status, reason: error.message });
    }
    if (res.headersSent) {
      res.destroy();
      return;
    }
    try {
      sendError(req, res, error);
    } catch (failure) {
      // A header that the handler set is invalid. An error thrown here would end the process.
      log.error('could not send an error response', { transid: req.transid, error: failure });
      for (const name of res.getHeaderNames()) res.removeHeader(name);
      sendError(req, res, new ApiError(500));
    }
  };
}
