import type { Routes } from '../api/app.js';
import { setCors } from '../http/cors.js';
import { sendEmpty, sendJson } from '../http/respond.js';
import { apiDocument, BASE } from './document.js';
import { operations } from './operations.js';
import { operationsPage } from './page.js';
import { swaggerDocument } from './swagger.js';

/**
 * `/api-docs` (Swagger 2.0, as OpenWhisk has it), `/openapi.json` (OpenAPI 3.1) and `/docs` (an HTML page), below
 * `/api/v1`. None requires credentials.
 */
export const apiDocsRoutes: Routes = (router, ctx) => {
  // Made at the first request: they would take a tenth of a second of each start.
  const document = once(() => apiDocument(ctx.limits, ctx.build.number));
  const swagger = once(() => swaggerDocument(document()));
  const page = once(() => operationsPage(operations(ctx.limits), `${BASE}/openapi.json`));
  router.get('/api-docs{/}', (_req, res) => {
    setCors(res);
    sendJson(res, 200, swagger());
  });
  router.get('/openapi.json', (_req, res) => {
    setCors(res);
    sendJson(res, 200, document());
  });
  router.get('/docs', (_req, res) => {
    setCors(res);
    res.setHeader('Location', `docs/index.html?url=${BASE}/api-docs`);
    sendEmpty(res, 308);
  });
  router.get('/docs/index.html', (_req, res) => {
    setCors(res);
    res.setHeader('Content-Type', 'text/html; charset=UTF-8');
    res.end(page());
  });
};

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
