import type { Registry } from 'prom-client';
import { operatorOnly } from '../../authentication/operator.js';
import type { Routes } from '../app.js';

/** `GET /metrics` in Prometheus' text format. Only the operator may read it, since it shows an installation's load. */
export const metricsRoutes =
  (registry: Registry): Routes =>
  (router, ctx) => {
    router.get('/metrics', operatorOnly(ctx.operator), (_req, res, next) => {
      registry.metrics().then((text) => {
        res.setHeader('Content-Type', registry.contentType);
        res.end(text);
      }, next);
    });
  };
