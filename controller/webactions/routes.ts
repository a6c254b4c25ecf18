import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Router } from 'express';
import { resolveAction } from '../invocation/resolve.js';
import { CircularBindingError, NotAuthenticatedError } from '../refusals/refusals.js';
import { givenColor, setColorHeaders } from '../api/colorHeaders.js';
import type { ControllerContext } from '../api/ControllerContext.js';
import type { DirectRoute } from '../api/direct.js';
import { ApiError, notFound } from '../http/ApiError.js';
import type { ApiRequest } from '../http/ApiRequest.js';
import { setCors } from '../http/cors.js';
import { ACTIVATION_ID_HEADER, sendEmpty, sendJson } from '../http/respond.js';
import type { InvocationOutcome, ResolvedAction } from '../invocation/Invocation.js';
import { maxPayloadBytes } from '../../shared/config/namespaceLimits.js';
import type { Identity } from '../../shared/entities/identity.js';
import { WrongEntityTypeError } from '../../shared/store/EntityStore.js';
import { isAcceptable } from '../http/acceptance.js';
import { inUtf8, renderContentType } from '../http/ContentType.js';
import { exposureOf, isAdmitted, type Exposure } from './exposure.js';
import { actionArguments, bodyValue, parseTarget, typeOfBody, type WebTarget } from './request.js';
import { HEADER_NAME, projection, webResponse, type WebResponse } from './response.js';

const METHODS = ['OPTIONS', 'GET', 'DELETE', 'POST', 'PUT', 'HEAD', 'PATCH'];

/** A web action, its settings, and the owner of its namespace, whose limits apply. */
interface Found {
  readonly owner: Identity;
  readonly target: ResolvedAction;
  readonly exposure: Exposure;
}

/**
 * Web actions: `/web/{namespace}/{package}/{action}.{extension}/{path}` below `/api/v1`. Every caller may call an
 * action with the annotation `web-export`, with any method. The limits of the namespace's owner apply. A path that does
 * not name a web action is passed to the rest of the API.
 */
export function webActionRoutes(router: Router, ctx: ControllerContext): void {
  router.use('/web', async (req, res, next) => {
    const serving = serveWebAction(ctx, req, res, req.url);
    if (serving) await serving;
    else next();
  });
}

const MOUNT = '/api/v1/web';

/** The same without express. */
export const directWebActions: DirectRoute = (ctx, req, res) => {
  const { url = '' } = req;
  return url.startsWith(`${MOUNT}/`) ? serveWebAction(ctx, req, res, url.slice(MOUNT.length)) : undefined;
};

/**
 * Serves a request whose target below `/web` is `target`: path and query.
 * @returns undefined if the path does not name a web action; otherwise rejects with the errors of the API.
 */
function serveWebAction(
  ctx: ControllerContext,
  req: ApiRequest,
  res: ServerResponse,
  target: string,
): Promise<void> | undefined {
  const [path, query] = splitOnce(target, '?');
  const wanted = parseTarget(path);
  return wanted && serve(ctx, req, res, wanted, query);
}

async function serve(
  ctx: ControllerContext,
  req: ApiRequest,
  res: ServerResponse,
  wanted: WebTarget,
  query: string | undefined,
): Promise<void> {
  if (!METHODS.includes(req.method ?? '')) throw methodNotAllowed();
  const caller = await authenticateIfPossible(ctx, req);
  const found = await find(ctx, wanted);
  const bytes = await ctx.bodies.read(req, maxPayloadBytes(ctx.limits, found.owner.limits), found.owner.namespace.name);
  await answer(ctx, { req, res, wanted, query, caller, bytes, ...found });
}

interface Call extends Found {
  readonly req: ApiRequest;
  readonly res: ServerResponse;
  readonly wanted: WebTarget;
  readonly query: string | undefined;
  /** Undefined for a caller without valid credentials. */
  readonly caller: Identity | undefined;
  readonly bytes: Buffer;
}

async function answer(ctx: ControllerContext, call: Call): Promise<void> {
  const { req, res, exposure } = call;
  const preflight = req.method === 'OPTIONS';
  if (preflight && !exposure.customOptions) {
    setWebCors(req, res);
    sendEmpty(res, 200);
    return;
  }
  // Preflight requests need no credentials, since browsers send none. The action handles them itself.
  const admitted = preflight || isAdmitted(exposure.requiredAuth, tokenOf(req), call.caller !== undefined);
  const payload = admitted ? payloadOf(call) : undefined;
  // From here on the action's CORS headers apply, even to a refusal.
  if (!exposure.customOptions) setWebCors(req, res);
  if (!payload) throw new ApiError(401);
  const parameters = payload();
  // Other invocations may have started while the body was read.
  ctx.entitlement.checkConcurrency(call.owner);
  const outcome = await ctx.invocation.invoke({
    transid: req.transid,
    user: call.owner,
    target: call.target,
    payload: parameters,
    waitMs: ctx.limits.maxBlockingWaitMs,
    color: { ...givenColor(req.headers), query: call.query },
  });
  if (outcome.kind === 'record') setColorHeaders(res, outcome.record);
  send(req, res, outcome, call.wanted);
}

/** Parses the body before the action's CORS headers are set. The returned function checks the values later. */
function payloadOf({ req, wanted, query, caller, bytes, exposure }: Call): () => ReturnType<typeof actionArguments> {
  const hasBody = bytes.length > 0 || req.headers['transfer-encoding'] !== undefined;
  const type = typeOfBody(req.headers['content-type'], hasBody);
  const body = bodyValue(bytes, type, exposure.raw);
  const request = {
    method: req.method ?? '',
    rawHeaders: req.rawHeaders,
    path: wanted.path,
    query,
    user: caller?.namespace.name,
    // The caller's key authenticated this request. The action belongs to another user, who must not get the key.
    hideAuthorization: caller !== undefined && exposure.requiredAuth !== undefined && exposure.requiredAuth !== false,
  };
  return () => actionArguments(request, type, body, exposure);
}

/** @throws ApiError 404 if the web action does not exist, and the errors of `Entitlement.check`. */
async function find(ctx: ControllerContext, wanted: WebTarget): Promise<Found> {
  const owner = await ctx.authentication.identityOfNamespace(wanted.namespace);
  if (!owner) throw notFound();
  const path = wanted.package === undefined ? wanted.namespace : `${wanted.namespace}/${wanted.package}`;
  const target = await resolveAction(ctx.entities, { path, name: wanted.action }).catch((error: unknown) => {
    if (error instanceof WrongEntityTypeError || error instanceof CircularBindingError) return undefined;
    throw error;
  });
  const exposure = target && exposureOf(target.action.annotations, target.parameters);
  if (!target || !exposure) throw notFound();
  const { namespace, name } = target.action;
  await ctx.entitlement.check(owner, 'ACTIVATE', [{ path: namespace, collection: 'actions', name }]);
  return { owner, target, exposure };
}

async function authenticateIfPossible(
  ctx: ControllerContext,
  { headers, socket }: IncomingMessage,
): Promise<Identity | undefined> {
  if (headers.authorization === undefined) return undefined;
  try {
    return await ctx.authentication.authenticate(headers.authorization, {
      headers,
      remoteAddress: socket.remoteAddress,
    });
  } catch (error) {
    if (error instanceof NotAuthenticatedError) return undefined;
    throw error;
  }
}

function send(req: ApiRequest, res: ServerResponse, outcome: InvocationOutcome, wanted: WebTarget): void {
  const activationId = outcome.kind === 'record' ? outcome.record.activationId : outcome.activationId;
  res.setHeader(ACTIVATION_ID_HEADER, activationId);
  if (outcome.kind === 'accepted') {
    sendJson(res, 202, { error: 'Response not yet ready.', code: req.transid.id });
    return;
  }
  const { statusCode, result } = outcome.record.response;
  const response = webResponse(projection(statusCode, result), wanted.extension);
  refuseUnacceptable(req, res, response);
  write(res, response);
}

/** Refuses a response whose type the caller does not accept. Errors are sent in any case. @throws ApiError 406 */
function refuseUnacceptable(req: IncomingMessage, res: ServerResponse, response: WebResponse): void {
  if (!response.body || response.status >= 400) return;
  const { type } = response.body;
  if (isAcceptable(type, req.headers.accept, single(req.headers['accept-charset']))) return;
  for (const name of [ACTIVATION_ID_HEADER, ...CORS_HEADERS]) res.removeHeader(name);
  throw new ApiError(406, `Resource representation is only available with these types:\n${renderContentType(type)}`);
}

/**
 * Sends the response of an action. The action's headers replace the server's CORS headers, but not the ids of
 * transaction and activation.
 * @throws ApiError 502 if Node refuses the response. Nothing has been sent then.
 */
function write(res: ServerResponse, response: WebResponse): void {
  const byName = new Map<string, { name: string; values: string[] }>();
  for (const [name, value] of response.headers) {
    const lowerCase = name.toLowerCase();
    const known = byName.get(lowerCase);
    if (known) known.values.push(value);
    else if (isCors(name) || !res.hasHeader(name)) byName.set(lowerCase, { name, values: [value] });
  }
  const { content, type } = response.body ?? { content: undefined, type: undefined };
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  try {
    for (const { name, values } of byName.values()) {
      const [first, ...more] = values;
      res.setHeader(name, first !== undefined && more.length === 0 ? first : values);
    }
    if (type) res.setHeader('Content-Type', renderContentType(inUtf8(type)));
    if (response.status !== 204 && response.status !== 304) res.setHeader('Content-Length', bytes?.length ?? 0);
    // Write the headers first: otherwise Node encodes them by the type of the body.
    res.writeHead(response.status);
  } catch {
    for (const name of [...byName.keys(), 'content-type', 'content-length']) res.removeHeader(name);
    res.statusMessage = '';
    throw new ApiError(502, 'The response of the action is not valid HTTP.');
  }
  res.end(bytes);
}

const CORS_HEADERS = ['Access-Control-Allow-Origin', 'Access-Control-Allow-Methods', 'Access-Control-Allow-Headers'];

const isCors = (name: string): boolean => CORS_HEADERS.some((ours) => ours.toLowerCase() === name.toLowerCase());

/** Sets the CORS headers of web actions: more methods than the API, and every header that a preflight request names. */
function setWebCors(req: IncomingMessage, res: ServerResponse): void {
  setCors(res, METHODS.join(', '));
  const asked = single(req.headers['access-control-request-headers']);
  if (asked === undefined) return;
  const names = asked
    .split(',')
    .map((name) => name.trim())
    .filter((name) => HEADER_NAME.test(name));
  if (names.length > 0) res.setHeader('Access-Control-Allow-Headers', names.join(', '));
}

function methodNotAllowed(): ApiError {
  const names = METHODS.join(', ');
  return new ApiError(405, `HTTP method not allowed, supported methods: ${names}`, { allow: names });
}

const tokenOf = (req: IncomingMessage): string | undefined => single(req.headers['x-require-whisk-auth']);

const single = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? header[0] : header;

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
