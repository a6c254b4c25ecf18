import { createHash, timingSafeEqual } from 'node:crypto';
import type { RequestHandler } from 'express';
import { ApiError } from '../http/ApiError.js';
import { readBasicCredentials } from './basic.js';

/** Who may look into, and switch off, a controller: not a user of the API. */
export interface OperatorCredentials {
  readonly username: string;
  readonly password: string;
}

/** Whether both are the same, in a time that tells nothing about where they differ. */
export function sameSecret(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

const LOOPBACK = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1']);

/**
 * Lets only the operator through. Where no credentials are configured, whoever is on the controller's own machine counts
 * as the operator, and nobody else does.
 */
export function operatorOnly(credentials: OperatorCredentials | undefined): RequestHandler {
  return (req, _res, next) => {
    if (!credentials) {
      if (!LOOPBACK.has(req.socket.remoteAddress ?? '')) throw new ApiError(401);
      next();
      return;
    }
    const given = readBasicCredentials(req.headers.authorization);
    if (!given) throw new ApiError(401);
    const right = sameSecret(given.uuid, credentials.username);
    if (!sameSecret(given.key, credentials.password) || !right) {
      throw new ApiError(401, 'username or password are wrong.');
    }
    next();
  };
}
