import express, { Router, type Express } from 'express';
import type { Registry } from 'prom-client';
import { toApiError, wasLogged } from './answers.js';
import type { ControllerContext } from './ControllerContext.js';
import { noSuchRoute } from '../http/ApiError.js';
import { apiCors, SERVICE_METHODS, setCors } from '../http/cors.js';
import { errorHandler } from '../http/errors.js';
import { requestMetrics } from '../http/requestMetrics.js';
import { acceptsJson, authenticated } from './route.js';
import { sendText } from '../http/respond.js';
import { transactions } from '../http/transaction.js';

/** Adds routes to a router. A file of `controller/api/` or `controller/webactions/` exports one of these. */
export type Routes = (router: Router, ctx: ControllerContext) => void;

export interface AppRoutes {
  /** Outside of `/api/v1`: `/`, `/ping`, `/invokers`. */
  readonly root: readonly Routes[];
  /** Below `/api/v1`, before credentials are asked for: web actions, the API's description. */
  readonly open: readonly Routes[];
  /** Below `/api/v1`, behind credentials: the collections of `/namespaces`. */
  readonly authenticated: readonly Routes[];
  /** Where requests are counted, if anywhere. */
  readonly registry?: Registry | undefined;
  readonly transactionHeader?: string | undefined;
}

/** The express application of a controller. What no route takes is answered 404 (and below `/api/v1` only to known users). */
export function createApp(ctx: ControllerContext, routes: AppRoutes): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  // Queries are parsed where they are needed; see query.ts.
  app.set('query parser', false);
  app.set('case sensitive routing', true);
  app.use(transactions(ctx.clock, routes.transactionHeader));
  if (routes.registry) app.use(requestMetrics(routes.registry));

  app.use('/api/v1', newRouter(ctx, routes.open));
  const api = newRouter(ctx, []);
  api.use(apiCors);
  api.options('/{*path}', (_req, res) => {
    sendText(res, 200, 'OK');
  });
  api.use(authenticated(ctx), acceptsJson);
  // Express would answer HEAD with what GET gives; OpenWhisk's API has no HEAD.
  api.head('/{*path}', () => {
    throw noSuchRoute();
  });
  for (const add of routes.authenticated) add(api, ctx);
  app.use('/api/v1', api);

  app.use(newRouter(ctx, routes.root));
  app.options('/{*path}', (_req, res) => {
    setCors(res, SERVICE_METHODS);
    sendText(res, 200, 'OK');
  });
  app.use(() => {
    throw noSuchRoute();
  });
  app.use(errorHandler(ctx.log, { toApiError, wasLogged }));
  return app;
}

/** Paths mean exactly what they say: `actions/p` and `actions/p/` differ. */
function newRouter(ctx: ControllerContext, routes: readonly Routes[]): Router {
  const router = Router({ strict: true, caseSensitive: true });
  for (const add of routes) add(router, ctx);
  return router;
}
