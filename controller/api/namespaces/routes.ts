import type { Routes } from '../app.js';
import { sendJson } from '../../http/respond.js';

/** The caller's namespaces: only the namespace of the key. */
export const namespaceRoutes: Routes = (router) => {
  router.get('/namespaces{/}', (req, res) => {
    sendJson(res, 200, req.identity ? [req.identity.namespace.name] : []);
  });
};
