import type { IncomingMessage, ServerResponse } from 'node:http';
import { MOVED_HEADER, movedHeader, movedTo } from '../../../shared/objects/moved.js';
import { ObjectError } from '../../../shared/objects/ObjectError.js';
import { parseObjectPath, type ObjectAddress } from '../../../shared/objects/objectPath.js';
import { TTL_HEADER } from '../../../shared/objects/ObjectRequest.js';
import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';
import { parseObjectRequest } from '../../../shared/objects/parseRequest.js';
import { PEER_HEADER, verifyPeer, type PeerClaims } from '../../../shared/objects/peerHeader.js';
import type { ObjectMemory } from '../memory/ObjectMemory.js';
import { objectListener, type ObjectListener, type ObjectListenerParts } from '../server/objectListener.js';
import { AbortedError, bodyLength, readBody } from '../server/readBody.js';
import { sendError, sendJson, sendObject } from '../server/respond.js';
import { copiesOf, originalOf } from './copies.js';
import type { AdmittedSet } from './CopySets.js';
import type { Sharing } from './Sharing.js';
import { LEFT_HEADER } from './takeObject.js';

export interface PeerListenerParts extends Pick<ObjectListenerParts, 'now' | 'onFault' | 'onWaited'> {
  readonly memory: ObjectMemory;
  readonly sharing: Sharing;
  readonly secret: string;
  /** Whether requests must be encrypted. */
  readonly encrypted?: boolean;
  /** The figures for operators. */
  readonly figures: () => object;
}

/** Answers signed requests of other invokers and of controllers. */
export function peerListener(parts: PeerListenerParts): ObjectListener {
  const { sharing, memory, onFault } = parts;
  const verified = new WeakMap<IncomingMessage, ObjectNamespace>();
  const requests = objectListener({
    ...parts,
    authenticate: (request) => {
      const namespace = verified.get(request);
      if (!namespace) throw new ObjectError(403, 'The request names no namespace.');
      return namespace;
    },
    elsewhere: {
      locate: (namespace, color, policy) => sharing.locateForPeer(namespace, color, policy),
      admit: (...change) => sharing.admit(...change),
      owns: (namespace, color) => sharing.owns(namespace, color),
      prepare: (...call) => sharing.prepare(...call),
      settle: (...change) => sharing.settle(...change),
      onLeave: (...callback) => sharing.onLeave(...callback),
      list: (namespace, asked) => sharing.list(namespace, asked),
      // A forwarded request is never forwarded again: its sender learns the home.
      // Node.js reads and drops the rest of its body: if the connection ended, a sender that still sends would see that instead of the
      // response.
      forward: async ({ response, homes: [home] }) => {
        response.writeHead(421, { [MOVED_HEADER]: movedHeader(home), 'Content-Length': 0 });
        response.end();
      },
    },
    memory,
  });
  return (request, response, proceed) => {
    const fail = (error: unknown): void => {
      // The other invoker has given the request up.
      if (error instanceof AbortedError) return;
      if (error instanceof ObjectError) sendError(request, response, error);
      else {
        const fault = { status: 500, message: 'There was an internal server error.', retryAfterS: undefined } as const;
        onFault(sendError(request, response, fault), error);
      }
    };
    try {
      const claims = claimsOf(parts.secret, request);
      if (parts.encrypted === true && !('encrypted' in request.socket)) throw new ObjectError(403, NOT_ENCRYPTED);
      if (claims.operation === 'request') {
        if (claims.namespace) verified.set(request, claims.namespace);
        requests(request, response, proceed);
        return;
      }
      proceed?.();
      answer(parts, claims, request, response).catch(fail);
    } catch (error) {
      fail(error);
    }
  };
}

const NOT_ENCRYPTED = 'Requests between the processes of this installation must use https.';

/** @throws ObjectError 403 */
function claimsOf(secret: string, request: IncomingMessage): PeerClaims {
  const header = request.headers[PEER_HEADER];
  const signed = { method: request.method ?? '', path: request.url ?? '' };
  const claims = typeof header === 'string' ? verifyPeer(secret, signed, header, Date.now()) : undefined;
  if (claims) return claims;
  throw new ObjectError(
    403,
    'The request is not signed by a process of this installation: secrets must be equal, and clocks must agree within 30 s.',
  );
}

async function answer(
  parts: PeerListenerParts,
  { operation, namespace, from }: PeerClaims,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (operation === 'stats') {
    sendJson(response, JSON.stringify(parts.figures()));
    return;
  }
  if (!namespace) throw new ObjectError(400, 'The request names no namespace.');
  const { sharing, memory, now } = parts;
  const target = request.url ?? '';
  // A URL would resolve `.` and `..`, which may be names: it serves for the query only.
  const { color, key } = parseObjectPath(target.split('?', 1)[0] ?? '');
  const url = new URL(target, 'http://peer');
  switch (operation) {
    case 'handover': {
      const to = movedTo(url.searchParams.get('to') ?? undefined);
      if (!to) throw new ObjectError(400, 'The request does not tell who takes the color over.');
      const by = { epoch: epochIn(url), run: url.searchParams.get('run') ?? undefined };
      sendJson(response, JSON.stringify(await sharing.handOver(namespace, color, to, by)));
      return;
    }
    case 'adopt': {
      const gathered = await sharing.gather(namespace, color, policyIn(url), { name: from, epoch: epochIn(url) });
      sendJson(response, JSON.stringify({ gathered }));
      return;
    }
    case 'list': {
      const asked = parseObjectRequest('GET', target, {});
      if (asked.kind !== 'list') throw new ObjectError(400, 'A list has no key.');
      sendJson(response, JSON.stringify(memory.list(namespace, asked, now())));
      return;
    }
    case 'take':
      sharing.release(namespace, withKey(color, key));
      take(parts, namespace, withKey(color, key), response);
      return;
    case 'drop':
      if (url.searchParams.has('epoch')) {
        const { complete, begun } = sharing.sets.admit(originalOf(namespace), color, epochIn(url));
        drop(parts, namespace, withKey(color, key), undefined);
        sendJson(response, JSON.stringify({ complete, begun }));
      } else {
        sharing.requireNotOwned(namespace, color, url.searchParams.has('by') ? epochIn(url, 'by') : undefined);
        drop(parts, namespace, withKey(color, key), request.headers['if-match']);
        sendJson(response, '{}');
      }
      return;
    case 'complete': {
      const from = url.searchParams.has('from') ? epochIn(url, 'from') : undefined;
      const [aligns, begun] = [url.searchParams.has('aligns'), url.searchParams.has('begun')];
      const ofSet = { namespace, color, policy: policyIn(url) };
      const completed = sharing.sets.complete(ofSet, epochIn(url), { from, aligns, begun });
      sendJson(response, JSON.stringify({ completed }));
      return;
    }
    case 'fence': {
      const set = sharing.sets.fence(namespace, color, epochIn(url), url.searchParams.get('run') ?? undefined);
      sendJson(response, JSON.stringify({ set, owner: sharing.mayMakeSet(namespace, color) }));
      return;
    }
    case 'keep': {
      const kept = await sharing.keeps({ namespace, color, policy: policyIn(url) }, from);
      sendJson(response, JSON.stringify({ kept }));
      return;
    }
    case 'forget':
      sharing.sets.forget(namespace, color, epochIn(url));
      sendJson(response, '{}');
      return;
    case 'copy': {
      const kept = await keepCopy(parts, namespace, withKey(color, key), epochIn(url), request);
      sendJson(response, JSON.stringify(kept));
      return;
    }
    case 'request':
  }
}

const policyIn = (url: URL): string | undefined => url.searchParams.get('policy') ?? undefined;

/** An epoch in the query; 0 if it is missing. @throws ObjectError 400 */
function epochIn(url: URL, name = 'epoch'): number {
  const epoch = Number(url.searchParams.get(name) ?? 0);
  if (Number.isSafeInteger(epoch) && epoch >= 0) return epoch;
  throw new ObjectError(400, `The ${name} of the request must be a whole number.`);
}

function withKey(color: string, key: string | undefined): ObjectAddress {
  if (key === undefined) throw new ObjectError(400, 'The request names no key.');
  return { color, key };
}

/** Sends an object, which stays here until the new owner has it. */
function take(
  { memory, now }: PeerListenerParts,
  namespace: ObjectNamespace,
  address: ObjectAddress,
  response: ServerResponse,
): void {
  const object = memory.peek(namespace, address, now());
  if (!object) {
    const left = memory.isEmpty(namespace, address.color) ? 'no' : 'yes';
    response.writeHead(404, { [LEFT_HEADER]: left, 'Content-Length': 0 });
    response.end();
    return;
  }
  if (object.expiresAt !== undefined) {
    response.setHeader(TTL_HEADER, Math.max(0.001, (object.expiresAt - now()) / 1000).toFixed(3));
  }
  sendObject(response, object, false, () => memory.hold(namespace, address, object));
}

/** Removes an object that the new owner has, or a copy. */
function drop(
  { memory, now }: PeerListenerParts,
  namespace: ObjectNamespace,
  address: ObjectAddress,
  etag: string | undefined,
): void {
  const object = memory.peek(namespace, address, now());
  if (object && (etag === undefined || object.etag === etag)) memory.delete(namespace, address, undefined, now());
}

async function keepCopy(
  { memory, sharing, now }: PeerListenerParts,
  namespace: ObjectNamespace,
  address: ObjectAddress,
  epoch: number,
  request: IncomingMessage,
): Promise<Pick<AdmittedSet, 'complete' | 'begun'>> {
  const before = sharing.sets.admit(namespace, address.color, epoch);
  const copies = copiesOf(namespace);
  const { headers } = request;
  const length = bodyLength(request);
  memory.requireKeepable(copies, address, { persistence: 'replicated', bytes: length ?? 0 }, now());
  const reservation = memory.reserve(copies, address, length ?? 0, now());
  try {
    const bytes = await readBody(request, length, reservation, now);
    const ttl = Number(headers[TTL_HEADER]);
    const options = {
      condition: undefined,
      persistence: 'replicated',
      ttlMs: ttl > 0 ? ttl * 1000 : undefined,
      contentType: headers['content-type'],
      etag: headers.etag?.toString(),
    } as const;
    const { complete, begun } = sharing.sets.admit(namespace, address.color, epoch);
    memory.put(copies, address, bytes, options, reservation, now());
    return { complete, begun: before.begun || begun };
  } finally {
    reservation.release();
  }
}

/** Whether a request is one of another invoker or of a controller. */
export const isOfPeer = ({ headers }: IncomingMessage): boolean => headers[PEER_HEADER] !== undefined;
