import type { Routes } from '../api/app.js';
import { setCors } from '../http/cors.js';
import { sendEmpty, sendJson } from '../http/respond.js';
import { BASE } from './base.js';

/**
 * `/api-docs` (Swagger 2.0, as OpenWhisk has it), `/openapi.json` (OpenAPI 3.1) and `/docs` (an HTML page), below
 * `/api/v1`. None requires credentials.
 */
export const apiDocsRoutes: Routes = (router, ctx) => {
  // Loaded and made at the first request: they would take a tenth of a second of each start.
  const document = once(async () => (await import('./document.js')).apiDocument(ctx.limits, ctx.build.number));
  const swagger = once(async () => (await import('./swagger.js')).swaggerDocument(await document()));
  const page = once(async () => {
    const { operations } = await import('./operations.js');
    const { operationsPage } = await import('./page.js');
    return operationsPage(operations(ctx.limits), `${BASE}/openapi.json`);
  });
  router.get('/api-docs{/}', async (_req, res) => {
    const body = await swagger();
    setCors(res);
    sendJson(res, 200, body);
  });
  router.get('/openapi.json', async (_req, res) => {
    const body = await document();
    setCors(res);
    sendJson(res, 200, body);
  });
  router.get('/docs', (_req, res) => {
    setCors(res);
    res.setHeader('Location', `docs/index.html?url=${BASE}/api-docs`);
    sendEmpty(res, 308);
  });
  router.get('/docs/index.html', async (_req, res) => {
    const body = await page();
    setCors(res);
    res.setHeader('Content-Type', 'text/html; charset=UTF-8');
    res.end(body);
  });
};

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
