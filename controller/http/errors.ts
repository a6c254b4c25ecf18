import type { ErrorRequestHandler, Request, Response } from 'express';
import type { Logger } from '../../shared/logging/Logger.js';
import { ApiError } from './ApiError.js';
import { MAX_BODY_BYTES } from './body.js';
import { sendJson } from './respond.js';

/** A body that announces more bytes is not read to its end. */
const MAX_DISCARDED_BYTES = 2 * MAX_BODY_BYTES;

/** Answers `{error, code}`; `code` is the transaction's id. */
function sendError(req: Request, res: Response, error: ApiError): void {
  for (const [name, value] of Object.entries(error.headers ?? {})) res.setHeader(name, value);
  // The rest of the body is read and thrown away: a caller whose connection closes while it writes may lose this answer.
  if (Number(req.headers['content-length'] ?? 0) > MAX_DISCARDED_BYTES) res.setHeader('Connection', 'close');
  sendJson(res, error.status, { error: bounded(error.message), code: req.transid.id });
}

/** Characters of an error's text: it may quote what the caller sent. */
const MAX_MESSAGE_LENGTH = 8192;

function bounded(message: string): string {
  if (message.length > MAX_MESSAGE_LENGTH) return `${message.slice(0, MAX_MESSAGE_LENGTH)}...`;
  return message.trim() === '' ? ' ' : message;
}

/** What the application knows of the errors that its routes throw. */
export interface ErrorAnswers {
  toApiError(thrown: unknown): ApiError;
  /** Whether the error was logged where it arose, once and not for every request. */
  wasLogged(thrown: unknown): boolean;
}

/** The one place where errors become answers. */
export function errorHandler(log: Logger, answers: ErrorAnswers): ErrorRequestHandler {
  return (thrown: unknown, req, res, _next) => {
    const error = answers.toApiError(thrown);
    if (error.status >= 500 && !answers.wasLogged(thrown)) {
      log.error('request failed', { transid: req.transid, error: thrown, method: req.method, path: req.path });
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
      // A header that a handler left behind cannot be sent. An error here would end the process.
      log.error('an error could not be answered as it was', { transid: req.transid, error: failure });
      for (const name of res.getHeaderNames()) res.removeHeader(name);
      sendError(req, res, new ApiError(500));
    }
  };
}
