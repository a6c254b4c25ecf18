import { createServer, type Server } from 'node:http';
import type { ReaderParts } from './RequestReader.js';

/**
 * Serves the connections that `readRequests` passes on, such as those of a person who tries a runtime out. It is loaded for the first of
 * them, since `node:http` takes some ms of each start. Their runs always end with sentinels: `node:http` cannot respond while the process ends.
 */
export function serveOthers({ answer, maxBodyBytes, keepAliveMs }: Omit<ReaderParts, 'passOn'>): Server {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    let length = 0;
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= maxBodyBytes) chunks.push(chunk);
    });
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request;
      const sent = headers['x-invoker-token'];
      const token = typeof sent === 'string' ? sent : undefined;
      const body = length <= maxBodyBytes ? Buffer.concat(chunks) : undefined;
      void answer({ method, path, token, logs: undefined, body }).then(({ status, json, tokenAccepted, silent }) => {
        response.writeHead(status, {
          'Content-Type': 'application/json',
          'Content-Length': Buffer.byteLength(json),
          ...(tokenAccepted ? { 'x-invoker-token': 'accepted' } : {}),
          ...(silent ? { 'x-palette-logs': 'none' } : {}),
        });
        response.end(json);
      });
    });
  });
  // A client may close its half of the connection after the request and still gets its response.
  Object.assign(server, { httpAllowHalfOpen: true });
  server.keepAliveTimeout = keepAliveMs;
  server.requestTimeout = 0;
  server.headersTimeout = 0;
  return server;
}
