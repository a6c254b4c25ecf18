import type { RequestHandler } from 'express';
import { isCrossSite } from '../../shared/access/caller.js';
import { refuseOperator, type OperatorPolicy } from '../../shared/access/operators.js';
import { ApiError } from '../http/ApiError.js';

/** Refuses every caller but the operator. */
export function operatorOnly(policy: OperatorPolicy): RequestHandler {
  return (req, _res, next) => {
    const { method, headers, socket } = req;
    const refusal = refuseOperator(policy, { method, headers, remoteAddress: socket.remoteAddress });
    if (refusal) throw new ApiError(refusal.status, refusal.message);
    next();
  };
}

/** Refuses requests from pages of other sites. */
export const sameSiteOnly: RequestHandler = (req, _res, next) => {
  if (isCrossSite(req.headers)) throw new ApiError(403, 'Requests of other sites are refused.');
  next();
};
