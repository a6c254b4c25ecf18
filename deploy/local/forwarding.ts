import { request, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http';
import { isLoopback } from '../../shared/access/caller.js';
import type { Target } from './Target.js';

/** As nginx is told in `deploy/nginx/nginx.conf`: 48 MB of code in base64, and the rest of the request. */
const MAX_BODY_BYTES = 65 * 1024 * 1024;
/** How long a connection to a controller of this machine may take, in ms. */
const CONNECT_MS = 2000;

export class BodyTooLargeError extends Error {
  override name = 'BodyTooLargeError';
}

/** @throws BodyTooLargeError; Error where the client goes away before its end. */
export async function readBody(incoming: IncomingMessage, maxBytes = MAX_BODY_BYTES): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) throw new BodyTooLargeError(`The request has more than ${maxBytes / 1024 / 1024} MB.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/**
 * Whether a request may be sent again after a controller has taken it. Reads are repeatable, and an update that overwrites
 * whatever is there. A web action runs with any method. A second DELETE, or a PUT that creates, would be answered otherwise
 * than the first one.
 */
export function isRepeatable(method: string, url: string): boolean {
  const { pathname, searchParams } = new URL(url, 'http://front');
  if (/^\/api\/v\d+\/web\//.test(pathname)) return false;
  if (method === 'PUT') return searchParams.get('overwrite') === 'true';
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
}

/**
 * What became of a request to one controller. `unsent`: it did not get the request. `broken`: it ended the connection.
 * `silent`: it did not answer in time. `answered`: the client has its answer, or has gone.
 */
export type Passed = 'answered' | 'unsent' | 'broken' | 'silent';

export interface Limits {
  /** A repeatable request does not wait for a controller that is away. */
  readonly repeatable: boolean;
  /** How long the answer may take, in ms. */
  readonly answerMs: number;
  /** The same for the answer of a controller that is away then, and for each part of an answer that has begun. */
  readonly awayMs: number;
}

/** Sends a request to one controller, and its answer to the client. Never rejects. */
export function attempt(
  target: Target,
  { method, url, headers, socket: client }: IncomingMessage,
  body: Buffer,
  outgoing: ServerResponse,
  { repeatable, answerMs, awayMs }: Limits,
): Promise<Passed> {
  return new Promise((resolve) => {
    let sent = false;
    const { hostname, port } = target.url;
    const passed = request({
      hostname,
      port,
      method,
      path: url,
      headers: forwarded(headers, body, client.remoteAddress),
      // On a kept connection nobody can tell whether a controller that dies has taken a request. A connection of its own is
      // refused by a dead controller, so that the next one can be asked. It costs about 0.1 ms.
      agent: repeatable ? target.agent : false,
    });
    const timers: NodeJS.Timeout[] = [];
    const settle = (outcome: Passed): void => {
      stopWatching();
      for (const timer of timers) clearTimeout(timer);
      outgoing.off('close', gone);
      // What still comes of it is not looked at.
      passed.on('error', () => undefined);
      if (outcome !== 'answered') passed.destroy();
      resolve(outcome);
    };
    const gone = (): void => {
      passed.destroy();
      settle('answered');
    };
    const stopWatching = target.watch(() => {
      if (repeatable) settle(sent ? 'silent' : 'unsent');
    });
    outgoing.once('close', gone);
    timers.push(
      setTimeout(() => {
        if (sent) return;
        target.failed();
        settle('unsent');
      }, CONNECT_MS),
      setTimeout(() => {
        if (!target.up) settle('silent');
      }, awayMs),
      setTimeout(() => settle('silent'), answerMs),
    );
    passed.once('socket', (socket) => {
      if (socket.connecting) socket.once('connect', () => (sent = true));
      else sent = true;
    });
    passed.once('error', () => {
      if (!sent) target.failed();
      settle(sent ? 'broken' : 'unsent');
    });
    passed.once('response', (answer) => {
      settle('answered');
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      // An answer that breaks off must not look like a whole one.
      answer.once('error', () => outgoing.destroy());
      const idle = setTimeout(() => outgoing.destroy(), awayMs);
      answer.on('data', () => void idle.refresh());
      outgoing.once('close', () => {
        clearTimeout(idle);
        passed.destroy();
      });
      answer.pipe(outgoing);
    });
    passed.end(body);
  });
}

/** The client's headers, for a body that is whole. The controllers take the front for the client, unless it says who that is. */
function forwarded(headers: IncomingMessage['headers'], body: Buffer, from = 'unknown'): OutgoingHttpHeaders {
  const { 'transfer-encoding': _, expect: __, connection: ___, ...rest } = headers;
  const length = body.length > 0 ? { 'content-length': body.length } : {};
  if (isLoopback(from)) return { ...rest, ...length };
  const chain = [rest['x-forwarded-for'], from].flat().filter(Boolean).join(', ');
  return { ...rest, ...length, 'x-forwarded-for': chain };
}
