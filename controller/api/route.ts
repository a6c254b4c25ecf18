import type { ServerResponse } from 'node:http';
import type { Request, RequestHandler, Router } from 'express';
import type { ControllerContext } from './ControllerContext.js';
import { fullName, type CollectionName, type Privilege, type Resource } from '../entitlement/Entitlement.js';
import type { Identity } from '../../shared/entities/identity.js';
import type { TransactionId } from '../../shared/entities/transaction.js';
import { ApiError, noSuchRoute } from '../http/ApiError.js';
import type { ApiRequest } from '../http/ApiRequest.js';
import { NotAuthorizedError, NotFoundError } from '../refusals/refusals.js';
import { isAcceptable } from '../http/acceptance.js';
import { contentType } from '../http/ContentType.js';
import { entityNameOf, namespaceOf } from '../http/names.js';

/** An authenticated request on a collection or an entity. */
export interface Call {
  readonly req: ApiRequest;
  readonly res: ServerResponse;
  readonly transid: TransactionId;
  readonly user: Identity;
  /** Resolved: never `_`. */
  readonly namespace: string;
}

export interface EntityCall extends Call {
  readonly name: string;
}

export type CollectionHandler = (call: Call) => Promise<void> | void;
export type EntityHandler = (call: EntityCall) => Promise<void> | void;

/** Requires credentials and stores the identity in the request. */
export function authenticated(ctx: ControllerContext): RequestHandler {
  return async (req, _res, next) => {
    await authenticate(ctx, req);
    next();
  };
}

/** @returns the identity, which is stored in the request, too. @throws NotAuthenticatedError */
export async function authenticate(ctx: ControllerContext, req: ApiRequest): Promise<Identity> {
  const { headers, socket } = req;
  const caller = { headers, remoteAddress: socket.remoteAddress };
  return (req.identity = await ctx.authentication.authenticate(headers.authorization, caller));
}

const JSON_TYPE = contentType('application/json');

/** Refuses callers that do not accept JSON, the API's only type, before the handler runs. */
export const acceptsJson: RequestHandler = (req, _res, next) => {
  refuseOtherTypes(req);
  next();
};

/** @throws ApiError 406 */
export function refuseOtherTypes({ headers: { accept } }: ApiRequest): void {
  if (accept === undefined || accept === '*/*' || isAcceptable(JSON_TYPE, accept, undefined)) return;
  throw new ApiError(406, 'Resource representation is only available with these types:\napplication/json');
}

/** Reads a request on `/namespaces/:namespace/...`. @throws ApiError 400 for a malformed namespace. */
export function callOf(req: Request, res: ServerResponse): Call {
  const user = req.identity;
  if (!user) throw new Error('route is not behind authentication');
  return newCall(req, res, user, parameter(req, 'namespace'));
}

/** @param namespace the segment of the path, decoded. @throws ApiError 400 for a malformed namespace. */
export function newCall(req: ApiRequest, res: ServerResponse, user: Identity, namespace: string): Call {
  return { req, res, transid: req.transid, user, namespace: namespaceOf(namespace, user) };
}

/** A named segment of the path, decoded. */
export function parameter(req: Request, name: string): string {
  const value = req.params[name];
  return typeof value === 'string' ? value : '';
}

/**
 * Checks that the caller has this privilege on a resource.
 * @throws NotAuthorizedError and NotFoundError with the resource's name, and the other errors of `Entitlement.check`.
 */
export async function authorize(
  ctx: ControllerContext,
  call: Call,
  privilege: Privilege,
  resource: Resource,
): Promise<void> {
  try {
    await ctx.entitlement.check(call.user, privilege, [resource]);
  } catch (error) {
    if (error instanceof NotAuthorizedError) throw new NotAuthorizedError([fullName(resource)]);
    if (error instanceof NotFoundError) throw new NotFoundError(fullName(resource));
    throw error;
  }
}

/** The handlers of one collection. A missing method gets the response for an unknown route. */
export interface CollectionRoutes {
  readonly collection: CollectionName;
  readonly list?: CollectionHandler;
  readonly get?: EntityHandler;
  readonly put?: EntityHandler;
  readonly post?: EntityHandler;
  readonly delete?: EntityHandler;
}

const PRIVILEGES: Readonly<Record<string, Privilege>> = { GET: 'READ', PUT: 'PUT', POST: 'ACTIVATE', DELETE: 'DELETE' };

/**
 * Adds the routes of a flat collection (packages, triggers, rules): `GET /namespaces/NS/COLLECTION`, and GET, PUT, POST
 * and DELETE of `/namespaces/NS/COLLECTION/NAME`. Checks names and privileges before a handler runs.
 */
export function addCollection(router: Router, ctx: ControllerContext, routes: CollectionRoutes): void {
  const { collection, list } = routes;
  if (list) {
    router.get(`/namespaces/:namespace/${collection}{/}`, async (req, res) => {
      const call = callOf(req, res);
      await authorize(ctx, call, 'READ', { path: call.namespace, collection });
      await list(call);
    });
  }
  const handlers: Readonly<Record<string, EntityHandler | undefined>> = {
    GET: routes.get,
    PUT: routes.put,
    POST: routes.post,
    DELETE: routes.delete,
  };
  router.all(`/namespaces/:namespace/${collection}/:name`, async (req, res) => {
    const privilege = PRIVILEGES[req.method];
    const handler = handlers[req.method];
    if (!privilege || !handler) throw noSuchRoute();
    const call = callOf(req, res);
    const name = entityNameOf(parameter(req, 'name'));
    await authorize(ctx, call, privilege, { path: call.namespace, collection, name });
    await handler({ ...call, name });
  });
}
