import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Dispatcher } from 'undici';
import type { Peer } from '../../../shared/objects/Locate.js';
import { MAX_OBJECT_BYTES, transferMs } from '../../../shared/objects/bounds.js';
import { dropBody } from '../../../shared/objects/dropBody.js';
import { MOVED_HEADER, movedTo } from '../../../shared/objects/moved.js';
import { ObjectError } from '../../../shared/objects/ObjectError.js';
import { isWait } from '../../../shared/objects/OpenWaits.js';
import { OBJECT_REQUEST_HEADERS, passedHeaders } from '../../../shared/objects/passedHeaders.js';
import { passedBody } from '../../../shared/objects/passedBody.js';
import type { ForwardedCall } from '../server/Elsewhere.js';
import type { CopiesOfReader } from './CopiesOfReader.js';
import { forwardRead, homeChanges, homeIsSilent, limit, PASSED_RESPONSE_HEADERS, READ_MS } from './forwardRead.js';
import { PeerError, type PeerClient, type PeerRequest } from './PeerClient.js';

/** The limits for the response to a change, and to a read that waits, in ms: all homes together that are asked. */
const CHANGE_MS = 8000;
const WAIT_MS = 310_000;

/**
 * Forwards a request to the home of its color, and streams its response back. A home that has moved names the next one,
 * which is asked once, if no body has been sent.
 * @throws ObjectError 503; 502 if the home may have changed the object without a response.
 */
export async function forward(peers: PeerClient, call: ForwardedCall, copies: CopiesOfReader): Promise<void> {
  const { method, headers } = call.request;
  const hasBody = headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
  if (method === 'GET' && !hasBody && !isWait(call.path)) {
    await forwardRead(peers, call, copies);
    return;
  }
  const body = hasBody ? passedBody(call.request) : undefined;
  try {
    await exchange(peers, call, body);
  } finally {
    body?.destroy();
  }
}

/** See `forward`. */
async function exchange(peers: PeerClient, call: ForwardedCall, body: Readable | undefined): Promise<void> {
  const { request, response, namespace, path, homes } = call;
  const method = request.method ?? 'GET';
  const gone = new AbortController();
  const abort = (): void => gone.abort();
  response.once('close', abort);
  // The caller may have disconnected before.
  if (response.closed) abort();
  const rest = limit(timeoutOf(request));
  const asked: PeerRequest = {
    operation: 'request',
    method,
    path,
    namespace,
    headers: passedHeaders(request.headers, OBJECT_REQUEST_HEADERS),
    body,
    timeoutMs: rest(),
    signal: gone.signal,
    waits: isWait(path),
  };
  let answer = await send(peers, homes[0], asked);
  try {
    const moved = answer.statusCode === 421 ? movedTo(answer.headers[MOVED_HEADER]) : undefined;
    if (moved && !body) {
      await answer.body.dump();
      answer = await send(peers, moved, { ...asked, timeoutMs: rest() });
    }
    if (answer.statusCode === 421) {
      await answer.body.dump();
      throw homeChanges();
    }
    response.writeHead(answer.statusCode, passedHeaders(answer.headers, PASSED_RESPONSE_HEADERS));
    // A caller that disconnects is not an error, and an incomplete response must not look complete.
    await pipeline(answer.body, response).catch(() => response.destroy());
  } finally {
    // Also after an error before the body was read.
    dropBody(answer.body);
  }
}

async function send(peers: PeerClient, home: Peer, asked: PeerRequest): Promise<Dispatcher.ResponseData> {
  try {
    return await peers.send(home, asked);
  } catch (error) {
    if (error instanceof ObjectError) throw error;
    const reads = asked.method === 'GET' || asked.method === 'HEAD';
    if (error instanceof PeerError && error.fault === 'silent' && !reads) {
      const text = `The home of the color, invoker${home.instance}, does not respond: the object may have changed or not.`;
      throw new ObjectError(502, text, { cause: error });
    }
    throw homeIsSilent(home, error);
  }
}

const isAppend = (url: string): boolean => /^[^?]*\/append(\?|$)|[?&]append(&|=|$)/.test(url);

function timeoutOf({ method, url = '', headers }: IncomingMessage): number {
  // The home may have to write a large body to the store, or to copy it; and all of the object that a body is appended to.
  const isKnown = headers['transfer-encoding'] === undefined && !(method === 'POST' && isAppend(url));
  const length = isKnown ? Number(headers['content-length'] ?? 0) : MAX_OBJECT_BYTES;
  const bytes = Math.min(length || 0, MAX_OBJECT_BYTES);
  if (method === 'PUT' || method === 'POST') return CHANGE_MS + transferMs(bytes);
  if (method !== 'GET' && method !== 'HEAD') return CHANGE_MS;
  return isWait(url) ? WAIT_MS : READ_MS;
}
