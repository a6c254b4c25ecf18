import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Response } from 'express';
import type { Dispatcher } from 'undici';
import { objectsLimitBytes } from '../../../shared/config/namespaceLimits.js';
import type { Identity } from '../../../shared/entities/identity.js';
import type { MessageHome } from '../../../shared/objects/messageObjects.js';
import { dropBody } from '../../../shared/objects/dropBody.js';
import { ObjectError } from '../../../shared/objects/ObjectError.js';
import { isWait } from '../../../shared/objects/OpenWaits.js';
import { LISTS_ONLY } from '../../../shared/objects/parseRequest.js';
import { passedBody } from '../../../shared/objects/passedBody.js';
import { peerFaultOf } from '../../../shared/objects/peerFault.js';
import type { Privilege } from '../../entitlement/Entitlement.js';
import { ApiError, badRequest, noSuchRoute } from '../../http/ApiError.js';
import { setObjectCors } from '../../http/cors.js';
import type { ObjectPeers, PeerRequest } from '../../objects/ObjectPeers.js';
import {
  OBJECT_REQUEST_HEADERS,
  OBJECT_RESPONSE_HEADERS,
  passedHeaders,
} from '../../../shared/objects/passedHeaders.js';
import type { Routes } from '../app.js';
import { authorize, callOf, parameter } from '../route.js';
import { MOVED_HEADER, movedTo } from '../../../shared/objects/moved.js';

const PRIVILEGES: Readonly<Record<PeerRequest['method'], Privilege>> = {
  GET: 'READ',
  HEAD: 'READ',
  PUT: 'PUT',
  POST: 'PUT',
  DELETE: 'DELETE',
};

/**
 * Objects from outside: `/namespaces/NS/objects/COLOR/KEY`. A request goes to the home of its color, and its body
 * passes without being kept here. See docs/objects.md.
 */
export const objectRoutes: Routes = (router, ctx) => {
  router.all('/namespaces/:namespace/objects/:color{/*key}', async (req, res) => {
    const method = methodOf(req);
    const { objects } = ctx;
    if (!method) throw noSuchRoute();
    if (!objects)
      throw new ApiError(
        404,
        'The invokers share no objects: CONFIG_whisk_objects_secret is missing, or CONFIG_whisk_objects_memory is 0.',
      );
    const call = callOf(req, res);
    const color = parameter(req, 'color');
    const { namespace } = call;
    const name = Array.isArray(req.params['key']) ? req.params['key'].join('/') : undefined;
    // Without this, a caller would be told that it has no right to its own namespace.
    if (name === undefined && method !== 'GET') throw new ApiError(405, LISTS_ONLY, { allow: 'GET' });
    await authorize(ctx, call, PRIVILEGES[method], { path: namespace, collection: 'objects', name });
    setObjectCors(res);
    const path = /^\/namespaces\/[^/]*\/objects(\/.*)$/s.exec(req.url)?.[1];
    if (path === undefined) throw badRequest('The path must be /namespaces/NAMESPACE/objects/COLOR/KEY.');
    const policy = req.headers['x-openwhisk-color-policy'];
    const { homes } = objects.homes(call.user, color, typeof policy === 'string' ? policy : undefined);
    const end = isWait(path) ? beginWait(objects, call.user) : undefined;
    const body = hasBody(req) ? passedBody(req) : undefined;
    try {
      await proxy(objects, homes, call.user, { method, path, req, res, body });
    } finally {
      body?.destroy();
      end?.();
    }
  });
};

/** @throws ApiError 429, 503 */
function beginWait(objects: ObjectPeers, { namespace }: Identity): () => void {
  try {
    return objects.beginWait(namespace.uuid);
  } catch (error) {
    throw refusalOf(error);
  }
}

/** A refusal of `ObjectPeers` as an error of the API. */
function refusalOf(error: unknown): unknown {
  if (!(error instanceof ObjectError)) return error;
  return failure(error.status, error.message, { 'retry-after': String(error.retryAfterS ?? 1) }, error);
}

const METHODS = ['GET', 'HEAD', 'PUT', 'POST', 'DELETE'] as const;

const methodOf = ({ method }: IncomingMessage): PeerRequest['method'] | undefined =>
  METHODS.find((known) => known === method);

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

interface Passing {
  readonly method: PeerRequest['method'];
  readonly path: string;
  readonly req: IncomingMessage;
  readonly res: Response;
  readonly body: Readable | undefined;
}

/** The limit for the response to a read that waits, in ms: a little longer than the longest `?wait=`, which is 300 s. */
const WAIT_MS = 310_000;
/** The limit for other responses, in ms. The home itself may wait for the store and for other invokers. */
const ANSWER_MS = 60_000;

/**
 * Listeners for the end of a response. `pipeline` alone adds seven, and Node.js warns of a leak beyond ten. Its warning has
 * the words of a fault, and comes with each request.
 */
const MAX_LISTENERS = 20;

/** Sends the request to its home; once more, without a body, if the home has just changed. */
async function proxy(
  objects: ObjectPeers,
  [home]: readonly MessageHome[],
  { namespace, limits }: Identity,
  { method, path, req, res, body }: Passing,
): Promise<void> {
  if (!home) throw away('No invoker that is up shares objects.');
  const gone = new AbortController();
  res.once('close', () => gone.abort());
  // The client may have disconnected before.
  if (res.closed) gone.abort();
  const request: PeerRequest = {
    method,
    path,
    headers: passedHeaders(req.headers, OBJECT_REQUEST_HEADERS),
    body,
    operation: 'request',
    namespace: {
      uuid: namespace.uuid,
      name: namespace.name,
      limitBytes: objectsLimitBytes(limits),
    },
    timeoutMs: isWait(path) ? WAIT_MS : ANSWER_MS,
    signal: gone.signal,
  };
  let response = await send(objects, home, request);
  try {
    const other = response.statusCode === 421 ? movedTo(response.headers[MOVED_HEADER]) : undefined;
    if (other && !body) {
      await response.body.dump();
      response = await send(objects, other, request);
    }
    if (response.statusCode === 421) {
      await response.body.dump();
      throw away('The home of this color is changing.');
    }
    res.statusCode = response.statusCode;
    for (const [name, value] of Object.entries(passedHeaders(response.headers, OBJECT_RESPONSE_HEADERS))) {
      res.setHeader(name, value);
    }
    res.setMaxListeners(MAX_LISTENERS);
    // A client that disconnects is not an error of the server, and an incomplete response must not look complete.
    await pipeline(response.body, res).catch(() => res.destroy());
  } finally {
    // Also after an error before the body was read.
    dropBody(response.body);
  }
}

async function send(objects: ObjectPeers, home: MessageHome, request: PeerRequest): Promise<Dispatcher.ResponseData> {
  try {
    return await objects.send(home.url, request);
  } catch (error) {
    if (request.signal?.aborted === true) throw new ApiError(499, 'The client has disconnected.');
    if (error instanceof ObjectError) throw refusalOf(error);
    const homeName = `The home of this color, invoker${home.instance},`;
    const changes = request.method !== 'GET' && request.method !== 'HEAD';
    // 503 says that nothing has changed.
    if (changes && peerFaultOf(error) === 'silent') {
      throw failure(502, `${homeName} does not respond: the object may have changed or not.`, {}, error);
    }
    throw away(`${homeName} does not answer.`, error);
  }
}

const away = (reason: string, cause?: unknown): ApiError =>
  failure(503, `${reason} Try again later.`, { 'retry-after': '1' }, cause);

function failure(status: number, message: string, headers: Readonly<Record<string, string>>, cause: unknown): ApiError {
  const error = new ApiError(status, message, headers);
  error.cause = cause;
  return error;
}
