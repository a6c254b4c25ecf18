import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { newTransactionId } from '../../../shared/entities/transaction.js';
import type { ObjectError } from '../../../shared/objects/ObjectError.js';
import { PERSISTENCE_HEADER } from '../../../shared/objects/ObjectRequest.js';
import type { StoredObject } from '../memory/StoredObject.js';

/** The longest time for sending one object, in ms: a slow reader keeps its memory. */
const SEND_MS = 60_000;
/** Larger objects are held until they are sent. Smaller ones are soon in the buffers of the kernel. */
const HELD_BYTES = 64 * 1024;

const JSON_TYPE = 'application/json';

/** Sends an object, or only its headers. @param hold see `ObjectMemory.hold`; called for large objects. */
export function sendObject(
  response: ServerResponse,
  object: StoredObject,
  headOnly: boolean,
  hold: () => (() => void) | undefined,
  sendMs = SEND_MS,
): void {
  const { bytes, contentType, etag, persistence } = object;
  response.writeHead(200, [
    'Content-Type',
    contentType,
    'Content-Length',
    String(bytes.length),
    'ETag',
    etag,
    PERSISTENCE_HEADER,
    persistence,
  ]);
  if (headOnly) {
    response.end();
    return;
  }
  // Without a socket, responses to earlier requests of the connection come first.
  if (bytes.length > HELD_BYTES || response.socket === null) {
    const release = hold();
    const { socket } = response.req;
    const late = setTimeout(() => socket.destroy(), sendMs);
    whenOver(response, () => {
      clearTimeout(late);
      release?.();
    });
  }
  const pieces = bytes.pieces();
  const last = pieces.pop();
  for (const piece of pieces) response.write(piece);
  response.end(last);
}

/** Whether the caller has gone: nobody gets the response. */
export function isGone(response: ServerResponse): boolean {
  // Without a socket of its own, a response is not told the end of its connection.
  return response.destroyed || response.req.socket.destroyed;
}

/** What to do at the end of a connection for the responses that it has not sent. */
const unsent = new WeakMap<Socket, Set<() => void>>();

/**
 * Calls `end` once: when the response is sent, or its connection has ended. Node.js tells the latter only to the first of
 * several responses.
 */
function whenOver(response: ServerResponse, end: () => void): void {
  const { socket } = response.req;
  // Then no event comes any more.
  if (isGone(response)) {
    end();
    return;
  }
  let ends = unsent.get(socket);
  if (!ends) {
    const waiting = new Set<() => void>();
    unsent.set(socket, (ends = waiting));
    socket.once('close', () => {
      for (const each of waiting) each();
    });
  }
  const open = ends;
  const once = (): void => {
    if (open.delete(once)) end();
  };
  open.add(once);
  response.once('close', once);
}

/** Responds without a body. */
export function sendEmpty(response: ServerResponse, status: 200 | 201 | 204 | 304, etag?: string): void {
  const length = status === 200 || status === 201 ? ['Content-Length', '0'] : [];
  response.writeHead(status, [...length, ...(etag === undefined ? [] : ['ETag', etag])]);
  response.end();
}

export function sendJson(response: ServerResponse, body: string, etag?: string): void {
  const headers = ['Content-Type', JSON_TYPE, 'Content-Length', String(Buffer.byteLength(body))];
  response.writeHead(200, etag === undefined ? headers : [...headers, 'ETag', etag]);
  response.end(body);
}

/** What an error response says. */
export type Refusal = Pick<ObjectError, 'status' | 'message' | 'retryAfterS'> & Partial<Pick<ObjectError, 'allow'>>;

/**
 * Responds with an error in words. Ends the connection if a response has begun. Node.js reads and drops the rest of the
 * body: a caller that still sends would see a broken connection instead of the error.
 * @returns the transaction id of the body.
 */
export function sendError(
  request: IncomingMessage,
  response: ServerResponse,
  { status, message, retryAfterS, allow }: Refusal,
): string {
  const { id } = newTransactionId();
  if (response.headersSent) {
    response.destroy();
    return id;
  }
  const body = JSON.stringify({ error: message, code: id });
  response.writeHead(status, [
    'Content-Type',
    JSON_TYPE,
    'Content-Length',
    String(Buffer.byteLength(body)),
    'X-Request-ID',
    id,
    ...(retryAfterS === undefined ? [] : ['Retry-After', String(retryAfterS)]),
    ...(status === 401 ? ['WWW-Authenticate', 'Bearer'] : []),
    ...(allow === undefined ? [] : ['Allow', allow]),
  ]);
  response.end(request.method === 'HEAD' ? undefined : body);
  return id;
}
