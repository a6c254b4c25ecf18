import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';
import { CheapHistogram } from '../../shared/metrics/CheapHistogram.js';
import { whenClosed } from './quick/QuickExchange.js';

/** Counts and times responses, by method and status. */
export function requestMetrics(registry: Registry): (req: IncomingMessage, res: ServerResponse) => void {
  const seconds = new CheapHistogram({
    name: 'http_request_duration_seconds',
    help: 'Time from the arrival of a request to the end of its response, by method and status',
    labelNames: ['method', 'status'] as const,
    buckets: [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers: [registry],
  });
  // Labels are looked up once for each pair, of which there are few.
  const pairs = new Map<string, (value: number) => void>();
  const pair = (method: string, status: number): ((value: number) => void) => {
    const key = `${method} ${status}`;
    let known = pairs.get(key);
    if (!known) pairs.set(key, (known = seconds.bind({ method, status })));
    return known;
  };
  return (req, res) => {
    const begun = performance.now();
    whenClosed(res, () => {
      pair(methodLabel(req.method ?? ''), res.statusCode)((performance.now() - begun) / 1000);
    });
  };
}

const METHODS = new Set(['GET', 'PUT', 'POST', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH']);

/** The label of a method. Unknown methods become `other`, since clients may send any text. */
const methodLabel = (method: string): string => (METHODS.has(method) ? method : 'other');
