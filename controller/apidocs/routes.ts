import type { Routes } from '../api/app.js';
import { setCors } from '../http/cors.js';
import { sendEmpty, sendJson } from '../http/respond.js';
import { apiDocument, BASE } from './document.js';
import { operations } from './operations.js';
import { operationsPage } from './page.js';

/** `/api-docs` (the OpenAPI document) and `/docs` (an HTML page), below `/api/v1`. Neither requires credentials. */
export const apiDocsRoutes: Routes = (router, ctx) => {
  const document = apiDocument(ctx.limits, ctx.build.number);
  const page = operationsPage(operations(ctx.limits), `${BASE}/api-docs`);
  router.get('/api-docs{/}', (_req, res) => {
    setCors(res);
    sendJson(res, 200, document);
  });
  router.get('/docs', (_req, res) => {
    setCors(res);
    res.setHeader('Location', `docs/index.html?url=${BASE}/api-docs`);
    sendEmpty(res, 308);
  });
  router.get('/docs/index.html', (_req, res) => {
    setCors(res);
    res.setHeader('Content-Type', 'text/html; charset=UTF-8');
    res.end(page);
  });
};
