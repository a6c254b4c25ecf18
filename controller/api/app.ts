import type { RequestListener } from 'node:http';
import express, { Router, type ErrorRequestHandler, type Express } from 'express';
import type { Registry } from 'prom-client';
import { toApiError, wasLogged } from './answers.js';
import type { ControllerContext } from './ControllerContext.js';
import { noSuchRoute } from '../http/ApiError.js';
import { apiCors, isObjectPath, SERVICE_METHODS, setCors, setObjectCors } from '../http/cors.js';
import { errorAnswer } from '../http/errors.js';
import { requestMetrics } from '../http/requestMetrics.js';
import { requestReports, type RequestReport } from '../http/requestReports.js';
import { serveDirectly, type DirectRoute } from './direct.js';
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
  /** Below `/api/v1`, behind credentials, for any media type and with HEAD: objects. */
  readonly streamed?: readonly Routes[] | undefined;
  /** Below `/api/v1`, behind credentials: the collections of `/namespaces`. */
  readonly authenticated: readonly Routes[];
  /** Routes that express does not walk to; it has the same. They are asked first. */
  readonly direct?: readonly DirectRoute[] | undefined;
  /** The registry for request metrics; missing: no metrics. */
  readonly registry?: Registry | undefined;
  /** Is told each request at the end of its response; missing: nobody is. */
  readonly onRequest?: ((report: RequestReport) => void) | undefined;
  readonly transactionHeader?: string | undefined;
}

/** The application of a controller. Responds 404 without a route; below `/api/v1` it authenticates first. */
export function createApp(ctx: ControllerContext, routes: AppRoutes): RequestListener {
  const begin = transactions(ctx.clock, routes.transactionHeader);
  const count = routes.registry && requestMetrics(routes.registry);
  const report = routes.onRequest && requestReports(routes.onRequest);
  const failed = errorAnswer(ctx.log, { toApiError, wasLogged });
  const direct = serveDirectly(ctx, routes.direct ?? [], failed);
  const app = expressApp(ctx, routes, (thrown: unknown, req, res, _next) => failed(thrown, req, res));
  return (incoming, res) => {
    const req = begin(incoming, res);
    count?.(req, res);
    report?.(req, res);
    if (!direct(req, res)) app(req, res);
  };
}

/** All routes, and the response to a request without a route. */
function expressApp(ctx: ControllerContext, routes: AppRoutes, failed: ErrorRequestHandler): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  // Handlers parse queries themselves; see query.ts.
  app.set('query parser', false);
  app.set('case sensitive routing', true);
  // Before all routes: express would answer OPTIONS for a route itself, without CORS. Web actions answer it themselves.
  app.options(/^\/api\/v1(?!\/web\/)/, (req, res) => {
    setCors(res);
    if (isObjectPath(req.path)) setObjectCors(res);
    sendText(res, 200, 'OK');
  });
  app.use('/api/v1', newRouter(ctx, routes.open));
  const api = newRouter(ctx, []);
  api.use(apiCors);
  api.options('/{*path}', (_req, res) => {
    sendText(res, 200, 'OK');
  });
  api.use(authenticated(ctx));
  for (const add of routes.streamed ?? []) add(api, ctx);
  api.use(acceptsJson);
  // Express would route HEAD to GET, but OpenWhisk's API does not support HEAD.
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
  app.use(failed);
  return app;
}

/** A strict router: `actions/p` and `actions/p/` are different paths. */
function newRouter(ctx: ControllerContext, routes: readonly Routes[]): Router {
  const router = Router({ strict: true, caseSensitive: true });
  for (const add of routes) add(router, ctx);
  return router;
}
