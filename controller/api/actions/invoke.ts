import type { IncomingMessage } from 'node:http';
import type { ControllerContext } from '../ControllerContext.js';
import { findAction, invokeFound } from '../../invocation/activate.js';
import { maxPayloadBytes } from '../../../shared/config/namespaceLimits.js';
import { ApiError, malformedQuery } from '../../http/ApiError.js';
import { booleanParameter, queryOf } from '../../http/query.js';
import { ACTIVATION_ID_HEADER, sendJson } from '../../http/respond.js';
import { wantedReferences } from '../resultHeader.js';
import { givenColor, setColorHeaders } from '../colorHeaders.js';
import type { Call } from '../route.js';
import { activationView, invocationStatus } from '../activations/activationView.js';
import { authorizeAction, type ActionPath } from './authorizeAction.js';

/**
 * Runs an action. Responds 202 with the activation id without `blocking` or after the wait timed out. Otherwise
 * responds 200 with the record (with `result` only the action's result), 502 if the action failed, or 500 if the system
 * failed.
 */
export async function invokeAction(ctx: ControllerContext, call: Call, target: ActionPath): Promise<void> {
  const { user, req, res } = call;
  const path = await authorizeAction(ctx, call, 'ACTIVATE', target);
  const options = optionsOf(req, ctx.limits.maxBlockingWaitMs);
  const references = wantedReferences(req.headers);
  if (references && !ctx.objects) throw new ApiError(503, 'The invokers share no objects for results by reference.');
  const payload = await ctx.bodies.jsonObject(req, maxPayloadBytes(ctx.limits, user.limits));
  const found = await findAction(ctx.entities, { path, name: target.name });
  const outcome = await invokeFound(ctx, {
    transid: call.transid,
    user,
    target: found,
    payload,
    waitMs: options.blocking ? options.timeout : undefined,
    color: givenColor(req.headers),
    references,
  });
  if (outcome.kind === 'accepted') {
    res.setHeader(ACTIVATION_ID_HEADER, outcome.activationId);
    sendJson(res, 202, { activationId: outcome.activationId });
    return;
  }
  const { record } = outcome;
  const { result } = record.response;
  res.setHeader(ACTIVATION_ID_HEADER, record.activationId);
  setColorHeaders(res, record);
  // An array is always sent as the bare result, with or without `result=true`.
  const bare = options.result || Array.isArray(result);
  sendJson(res, invocationStatus(record.response.statusCode), bare ? (result ?? {}) : activationView(record));
}

interface InvokeOptions {
  readonly blocking: boolean;
  readonly result: boolean;
  /** Milliseconds. */
  readonly timeout: number;
  /** The limit that they were checked against. */
  readonly maxWaitMs: number;
}

/** The options of recent targets: clients repeat few of them, and to parse one takes longer than most steps of a call. */
const recent = new Map<string, InvokeOptions>();
const MAX_RECENT = 256;
const MAX_RECENT_LENGTH = 512;

/** @throws ApiError 400 */
function optionsOf(req: IncomingMessage, maxWaitMs: number): InvokeOptions {
  const { url = '' } = req;
  const known = recent.get(url);
  // Options depend on the longest wait, too. Only tests have several.
  if (known !== undefined && known.maxWaitMs === maxWaitMs) return known;
  const options = readOptions(queryOf(req), maxWaitMs);
  if (url.length > MAX_RECENT_LENGTH) return options;
  if (recent.size >= MAX_RECENT) recent.clear();
  recent.set(url, options);
  return options;
}

/** @throws ApiError 400 */
function readOptions(query: URLSearchParams, maxWaitMs: number): InvokeOptions {
  const blocking = booleanParameter(query, 'blocking', false);
  const result = booleanParameter(query, 'result', false);
  const given = query.get('timeout');
  if (given === null) return { blocking, result, timeout: maxWaitMs, maxWaitMs };
  const timeout = /^\+?\d{1,10}$/.test(given) ? Number(given) : 0;
  if (timeout > 0 && timeout <= maxWaitMs) return { blocking, result, timeout, maxWaitMs };
  throw malformedQuery('timeout', `Timeout must be number of milliseconds up to ${maxWaitMs}.`);
}
