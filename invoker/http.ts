import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { TlsOptions } from 'node:tls';
import type { Registry } from 'prom-client';
import { refuseOperator, type OperatorPolicy } from '../shared/access/operators.js';
import { newTransactionId } from '../shared/entities/transaction.js';
import type { Invoker } from './Invoker.js';

export interface InvokerServerParts {
  readonly invoker: Pick<Invoker, 'enable' | 'disable' | 'isEnabled'>;
  readonly registry: Registry;
  /** The credentials for all paths but `/ping`. */
  readonly operator: OperatorPolicy;
  /** The options of HTTPS; missing: HTTP. */
  readonly tls?: TlsOptions | undefined;
}

/**
 * The server of an invoker's port: `GET /ping` without credentials; `GET /isEnabled`, `POST /enable`, `POST /disable`
 * and `GET /metrics` for the operator. Responds 401 without credentials, and 404 for other paths.
 */
export function invokerServer(parts: InvokerServerParts): Server {
  const listener: RequestListener = (request, response) => {
    const id = newTransactionId().id;
    response.setHeader('X-Request-ID', id);
    answer(parts, request).then(
      (reply) => send(response, id, reply),
      () => send(response, id, { status: 500, error: 'There was an internal server error.' }),
    );
    request.resume();
  };
  return parts.tls ? createTlsServer(parts.tls, listener) : createServer(listener);
}

/** As in OpenWhisk's invoker, the text does not explain the fault of the credentials. */
const UNAUTHORIZED = 'Authentication is possible but has failed or not yet been provided.';

type Reply =
  | { readonly status: 200; readonly text: string; readonly contentType?: string }
  | { readonly status: 401 | 403 | 404 | 405 | 500; readonly error: string; readonly allow?: string };

async function answer(parts: InvokerServerParts, request: IncomingMessage): Promise<Reply> {
  const [path] = (request.url ?? '/').split('?', 1);
  if (path === '/ping' && request.method === 'GET') return { status: 200, text: 'pong' };
  const { method, headers, socket } = request;
  const refusal = refuseOperator(parts.operator, { method, headers, remoteAddress: socket.remoteAddress });
  if (refusal) {
    const error = parts.operator.credentials && refusal.status === 401 ? UNAUTHORIZED : refusal.message;
    return { status: refusal.status, error };
  }
  const route = ROUTES[path ?? ''];
  if (!route) return { status: 404, error: 'The requested resource could not be found.' };
  if (route.method !== request.method) {
    const error = `HTTP method not allowed, supported methods: ${route.method}`;
    return { status: 405, error, allow: route.method };
  }
  return route.answer(parts);
}

const ROUTES: Record<string, { method: string; answer: (parts: InvokerServerParts) => Promise<Reply> }> = {
  '/enable': { method: 'POST', answer: async ({ invoker }) => ({ status: 200, text: invoker.enable() }) },
  '/disable': { method: 'POST', answer: async ({ invoker }) => ({ status: 200, text: await invoker.disable() }) },
  '/isEnabled': {
    method: 'GET',
    answer: async ({ invoker }) => ({ status: 200, text: JSON.stringify({ enabled: invoker.isEnabled }) }),
  },
  '/metrics': {
    method: 'GET',
    answer: async ({ registry }) => ({
      status: 200,
      text: await registry.metrics(),
      contentType: registry.contentType,
    }),
  },
};

function send(response: ServerResponse, id: string, reply: Reply): void {
  if (reply.status === 200) {
    response.writeHead(200, { 'Content-Type': reply.contentType ?? 'text/plain; charset=UTF-8' });
    response.end(reply.text);
    return;
  }
  response.writeHead(reply.status, {
    'Content-Type': 'application/json',
    ...(reply.allow === undefined ? {} : { Allow: reply.allow }),
  });
  response.end(JSON.stringify({ code: id, error: reply.error }));
}
