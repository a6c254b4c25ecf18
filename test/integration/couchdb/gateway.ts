import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { request } from 'undici';
import type { Couch } from './couch.js';

export interface Gateway {
  readonly url: string;
  readonly close: () => void;
}

/**
 * Stands before CouchDB, as a gateway would: a request that `answers` does not answer itself (it returns whether it did) goes
 * on with CouchDB's own credentials.
 */
export async function startGateway(
  couch: Couch,
  answers: (req: IncomingMessage, res: ServerResponse) => boolean,
  tls?: { key: string; cert: string },
): Promise<Gateway> {
  const upstream = new URL(couch.url);
  const [username, password] = [decodeURIComponent(upstream.username), decodeURIComponent(upstream.password)];
  const handle = (req: IncomingMessage, res: ServerResponse): void => {
    if (answers(req, res)) return;
    const { authorization: _, ...headers } = endToEnd(req.headers);
    if (username !== '') headers['authorization'] = basic(username, password);
    const body = req.method === 'GET' ? null : req;
    void request(`${upstream.origin}${req.url}`, { method: req.method as 'GET', headers, body }).then(
      async (got) => {
        res.writeHead(got.statusCode, endToEnd(got.headers));
        res.end(Buffer.from(await got.body.arrayBuffer()));
      },
      () => res.destroy(),
    );
  };
  const server = tls ? createTlsServer(tls, handle) : createServer(handle);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `${tls ? 'https' : 'http'}://localhost:${port}`, close: () => server.close() };
}

const HOP_BY_HOP = new Set(['host', 'connection', 'keep-alive', 'transfer-encoding']);

function endToEnd(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name)));
}

/** Answers as CouchDB does. */
export function answer(res: ServerResponse, status: number, body: unknown): void {
  res.writeHead(status, { 'content-type': 'application/json' });
  res.end(JSON.stringify(body));
}

export const basic = (username: string, password: string): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
