import type { ControllerContext } from '../../ControllerContext.js';
import { immutableParameters } from '../../actions/parameters.js';
import { inNamespace, readQualifiedName } from '../../actions/qualifiedNames.js';
import { resolveAction } from '../../actions/resolve.js';
import { maxPayloadBytes } from '../../entitlement/userLimits.js';
import { badRequest, malformedQuery, notFound } from '../../http/ApiError.js';
import { readJsonObject } from '../../http/body.js';
import { booleanParameter, queryOf } from '../../http/query.js';
import { ACTIVATION_ID_HEADER, sendJson } from '../../http/respond.js';
import type { Call } from '../../http/route.js';
import type { ResolvedAction } from '../../invocation/Invocation.js';
import type { JsonObject } from '../../../shared/entities/keyvalue.js';
import { activationView, invocationStatus } from '../activations/activationView.js';
import { authorizeAction, type ActionPath } from './authorizeAction.js';
import { deprecatedRuntime } from './deprecation.js';

export const PARAMETERS_NOT_ALLOWED = 'Request defines parameters that are not allowed (e.g., reserved properties).';
/** The request header that gives an invocation its color. */
export const COLOR_HEADER = 'x-openwhisk-color';

/**
 * Runs an action. Without `blocking`, or where the wait is over: 202 with the activation's id. Else 200 with the record
 * (with `result`: what the action returned), or 502 and 500 where it failed.
 */
export async function invokeAction(ctx: ControllerContext, call: Call, target: ActionPath): Promise<void> {
  const { user, req, res } = call;
  const path = await authorizeAction(ctx, call, 'ACTIVATE', target);
  const options = readOptions(queryOf(req), ctx.limits.maxBlockingWaitMs);
  const payload = await readJsonObject(req, maxPayloadBytes(ctx.limits, user.limits));
  const found = await resolveAction(ctx.entities, { path, name: target.name });
  if (!found) throw notFound();
  if (found.action.exec.components) await checkComponents(ctx, call, found.action.exec.components);
  checkFinal(found, payload);
  const deprecated = deprecatedRuntime(ctx.runtimes, found.action.exec.kind);
  if (deprecated) throw deprecated;

  // Others may have started while this request was read; from here on nothing is waited for before it counts.
  ctx.entitlement.checkConcurrency(user);
  const fromHeader = req.headers[COLOR_HEADER];
  const outcome = await ctx.invocation.invoke({
    transid: call.transid,
    user,
    target: found,
    payload,
    waitMs: options.blocking ? options.timeout : undefined,
    color: typeof fromHeader === 'string' ? { fromHeader } : undefined,
  });
  if (outcome.kind === 'accepted') {
    res.setHeader(ACTIVATION_ID_HEADER, outcome.activationId);
    sendJson(res, 202, { activationId: outcome.activationId });
    return;
  }
  const { record } = outcome;
  const { result } = record.response;
  res.setHeader(ACTIVATION_ID_HEADER, record.activationId);
  // A result that is an array is answered bare, asked for or not.
  const bare = options.result || Array.isArray(result);
  sendJson(res, invocationStatus(record.response.statusCode), bare ? (result ?? {}) : activationView(record));
}

interface InvokeOptions {
  readonly blocking: boolean;
  readonly result: boolean;
  /** Milliseconds. */
  readonly timeout: number;
}

/** @throws ApiError 400 */
export function readOptions(query: URLSearchParams, maxWaitMs: number): InvokeOptions {
  const blocking = booleanParameter(query, 'blocking', false);
  const result = booleanParameter(query, 'result', false);
  const given = query.get('timeout');
  if (given === null) return { blocking, result, timeout: maxWaitMs };
  const timeout = /^\+?\d{1,10}$/.test(given) ? Number(given) : 0;
  if (timeout > 0 && timeout <= maxWaitMs) return { blocking, result, timeout };
  throw malformedQuery('timeout', `Timeout must be number of milliseconds up to ${maxWaitMs}.`);
}

/** Parameters of an action annotated `final` are not for callers to change. @throws ApiError 400 */
function checkFinal(found: ResolvedAction, payload: JsonObject): void {
  const immutable = immutableParameters(found.action.annotations, found.parameters);
  if (immutable.size === 0) return;
  if (Object.keys(payload).some((key) => immutable.has(key))) throw badRequest(PARAMETERS_NOT_ALLOWED);
}

/** Who runs a sequence has to be allowed to run what is in it. @throws ApiError 403, 404 */
async function checkComponents(ctx: ControllerContext, call: Call, components: readonly string[]): Promise<void> {
  const resources = components.map((component) => {
    const { path, name } = inNamespace(readQualifiedName(component), call.user.namespace.name);
    return { path, name, collection: 'actions' as const };
  });
  await ctx.entitlement.check(call.user, 'ACTIVATE', resources, { throttle: false });
}
