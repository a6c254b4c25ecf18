import type { RequestHandler } from 'express';
import { Histogram, type Registry } from 'prom-client';

/** Counts and times responses, by method and status. */
export function requestMetrics(registry: Registry): RequestHandler {
  const seconds = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from the arrival of a request to the end of its response, by method and status',
    labelNames: ['method', 'status'] as const,
    buckets: [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers: [registry],
  });
  return (req, res, next) => {
    const begun = performance.now();
    res.once('close', () => {
      seconds.observe({ method: methodLabel(req.method), status: res.statusCode }, (performance.now() - begun) / 1000);
    });
    next();
  };
}

const METHODS = new Set(['GET', 'PUT', 'POST', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH']);

/** The label of a method. Unknown methods become `other`, since clients may send any text. */
const methodLabel = (method: string): string => (METHODS.has(method) ? method : 'other');
