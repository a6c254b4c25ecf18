import { request, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http';
import { isLoopback } from '../../shared/access/caller.js';
import type { Target } from './Target.js';

/** The largest body, as in `deploy/nginx/nginx.conf`: 48 MB of code in base64 and the rest of the request. */
const MAX_BODY_BYTES = 65 * 1024 * 1024;
/** The limit for a connection to a controller on this machine, in ms. */
const CONNECT_MS = 2000;

export class BodyTooLargeError extends Error {
  override name = 'BodyTooLargeError';
}

/** @throws BodyTooLargeError; Error if the client disconnects before the end. */
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
 * Whether a request may be sent again after a controller has taken it. Reads and updates with `overwrite=true` are
 * repeatable. Web actions are not, since they run with any method. A repeated DELETE, or a PUT without overwrite, would
 * get another response than the first one.
 */
export function isRepeatable(method: string, url: string): boolean {
  const { pathname, searchParams } = new URL(url, 'http://front');
  if (/^\/api\/v\d+\/web\//.test(pathname)) return false;
  if (method === 'PUT') return searchParams.get('overwrite') === 'true';
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
}

/**
 * The outcome of a request to one controller. `unsent`: it did not get the request. `broken`: it ended the connection.
 * `silent`: it did not respond in time. `answered`: the client has the response or has disconnected.
 */
export type Passed = 'answered' | 'unsent' | 'broken' | 'silent';

export interface AttemptLimits {
  /** Whether the request is repeatable: then it does not wait for a controller that stops answering. */
  readonly repeatable: boolean;
  /** The limit for the response, in ms. */
  readonly answerMs: number;
  /** The limit for a controller that stops answering, and for each chunk of a response, in ms. */
  readonly awayMs: number;
}

/** Forwards a request to one controller, and the response to the client. Never rejects. */
export function attempt(
  target: Target,
  { method, url, headers, socket: client }: IncomingMessage,
  body: Buffer,
  outgoing: ServerResponse,
  { repeatable, answerMs, awayMs }: AttemptLimits,
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
      // On a kept connection it is unknown whether a controller that dies has taken a request. A connection of its
      // own is refused by a dead controller, so that the next one can be asked. It costs about 0.1 ms.
      agent: repeatable ? target.agent : false,
    });
    const timers: NodeJS.Timeout[] = [];
    const settle = (outcome: Passed): void => {
      stopWatching();
      for (const timer of timers) clearTimeout(timer);
      outgoing.off('close', gone);
      // Ignore later errors.
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
      // An incomplete response must not look complete.
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

/** The client's headers for a complete body, with the client's address, since the controllers see only the front. */
function forwarded(headers: IncomingMessage['headers'], body: Buffer, from = 'unknown'): OutgoingHttpHeaders {
  const { 'transfer-encoding': _, expect: __, connection: ___, ...rest } = headers;
  const length = body.length > 0 ? { 'content-length': body.length } : {};
  if (isLoopback(from)) return { ...rest, ...length };
  const chain = [rest['x-forwarded-for'], from].flat().filter(Boolean).join(', ');
  return { ...rest, ...length, 'x-forwarded-for': chain };
}
