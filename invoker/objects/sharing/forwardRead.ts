import type { IncomingMessage } from 'node:http';
import type { Peer } from '../../../shared/objects/Locate.js';
import { MOVED_HEADER, movedTo } from '../../../shared/objects/moved.js';
import { ObjectError } from '../../../shared/objects/ObjectError.js';
import {
  OBJECT_REQUEST_HEADERS,
  OBJECT_RESPONSE_HEADERS,
  passedHeaders,
} from '../../../shared/objects/passedHeaders.js';
import type { ForwardedCall } from '../server/Elsewhere.js';
import type { ArrivingCopy, CopiesOfReader } from './CopiesOfReader.js';
import { PassedBody } from './PassedBody.js';
import { PeerError, type PeerClient } from './PeerClient.js';
import type { PeerHead, Reading } from './PeerReads.js';

/** The limit for the response to a read, in ms: all homes together that are asked for it. */
export const READ_MS = 8000;
export const PASSED_RESPONSE_HEADERS = [...OBJECT_RESPONSE_HEADERS, 'allow', 'x-request-id'];

/** See `forward`, for a `GET` without a body and without a wait. The invoker keeps a read-only copy of a large object. */
export async function forwardRead(peers: PeerClient, call: ForwardedCall, copies: CopiesOfReader): Promise<void> {
  const { request, response, namespace, path } = call;
  let [home] = call.homes;
  const place = mayBeCopied(request) ? placeOf(call) : undefined;
  const copy = place === undefined ? undefined : copies.get(place);
  const passed = passedHeaders(request.headers, OBJECT_REQUEST_HEADERS);
  const headers = copy ? { ...passed, 'if-none-match': copy.etag } : passed;
  let reading: Reading | undefined;
  let body: PassedBody | undefined;
  let arriving: ArrivingCopy | undefined;
  const rest = limit(READ_MS);
  const ask = (): Promise<PeerHead> => {
    reading = peers.read(home, { path, namespace, headers, timeoutMs: rest() }, (head, length, flow) => {
      if (head.status === 421 || (copy && head.status === 304)) return undefined;
      if (place !== undefined && head.status === 404) copies.drop(place);
      response.writeHead(head.status, passedHeaders(head.headers, PASSED_RESPONSE_HEADERS));
      if (place !== undefined && head.status === 200) arriving = copies.reserve(place, head.headers);
      body = new PassedBody(response, length, arriving?.bytes, flow);
      return body;
    });
    return reading.ended;
  };
  const over = (): void => {
    if (response.writableFinished) arriving?.keep();
    else {
      arriving?.release();
      reading?.abort();
    }
  };
  // The caller may have disconnected before.
  if (response.closed) throw homeIsSilent(home);
  response.once('close', over);
  try {
    let head = await ask();
    const moved = head.status === 421 ? movedTo(head.headers[MOVED_HEADER]?.toString()) : undefined;
    if (moved) {
      home = moved;
      head = await ask();
    }
    if (head.status === 421) throw homeChanges();
    if (place !== undefined && copy && head.status === 304) copies.send(place, copy, response);
  } catch (error) {
    // A caller that disconnects is not an error, and an incomplete response must not look complete.
    if (body) response.destroy();
    else throw error instanceof PeerError ? homeIsSilent(home, error) : error;
  }
}

/** A limit from now on. @returns what tells the rest of it, in ms: 1 at least. */
export function limit(ms: number): () => number {
  const endsAt = performance.now() + ms;
  return () => Math.max(1, endsAt - performance.now());
}

/** A plain read. One that knows tags itself is passed on as it is. */
const mayBeCopied = ({ url = '', headers }: IncomingMessage): boolean =>
  !url.includes('?') && headers['if-none-match'] === undefined;

const placeOf = ({ namespace, path }: ForwardedCall): string => `${namespace.uuid}\n${path}`;

export const homeChanges = (): ObjectError =>
  new ObjectError(503, 'The home of the color is changing.', { retryAfterS: 1 });

export const homeIsSilent = ({ instance }: Peer, cause?: unknown): ObjectError =>
  new ObjectError(503, `The home of the color, invoker${instance}, does not answer.`, { retryAfterS: 1, cause });
