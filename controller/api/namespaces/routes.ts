import type { Routes } from '../app.js';
import { sendJson } from '../../http/respond.js';

/** The namespaces of the caller: the one of its key. */
export const namespaceRoutes: Routes = (router) => {
  router.get('/namespaces{/}', (req, res) => {
    sendJson(res, 200, req.identity ? [req.identity.namespace.name] : []);
  });
};
