import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Location } from '../../../shared/objects/Locate.js';
import { ObjectError } from '../../../shared/objects/ObjectError.js';
import type { ObjectAddress } from '../../../shared/objects/objectPath.js';
import {
  colorOfRequest,
  type GetRequest,
  type IncrementRequest,
  type ObjectRequest,
} from '../../../shared/objects/ObjectRequest.js';
import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';
import { parseNumber, parseObjectRequest } from '../../../shared/objects/parseRequest.js';
import type { ObjectBytes } from '../memory/ObjectBytes.js';
import type { ObjectMemory } from '../memory/ObjectMemory.js';
import { endsWait, isKnown, notFound, requireCondition } from '../memory/objectRules.js';
import type { Reservation } from '../memory/Reservation.js';
import type { StoredObject } from '../memory/StoredObject.js';
import type { Elsewhere } from './Elsewhere.js';
import { AbortedError, bodyLength, readBody } from './readBody.js';
import { isGone, sendEmpty, sendError, sendJson, sendObject } from './respond.js';
import { afterWait, NOT_SEARCHED, type Searches } from './searches.js';

export interface ObjectListenerParts {
  readonly memory: ObjectMemory;
  /** The namespace of a request. @throws ObjectError 401 */
  readonly authenticate: (request: IncomingMessage) => ObjectNamespace;
  readonly elsewhere: Elsewhere;
  /** In ms; never decreases. */
  readonly now: () => number;
  /** Called for errors that are not the caller's. */
  readonly onFault: (transactionId: string, error: unknown) => void;
  /** Called at the end of each wait. @param met whether it ended by a change. */
  readonly onWaited?: ((met: boolean) => void) | undefined;
  /** The limit for sending one large object, in ms; missing: a minute. */
  readonly sendMs?: number | undefined;
}

/** Answers requests for objects. `proceed` asks for a body that the caller holds back (`Expect: 100-continue`). */
export type ObjectListener = (request: IncomingMessage, response: ServerResponse, proceed?: () => void) => void;

/** The requests of one kind of callers for the objects of one memory. */
export function objectListener(parts: ObjectListenerParts): ObjectListener {
  return (request, response, proceed) => {
    const fail = (error: unknown): void => {
      if (error instanceof AbortedError) return;
      if (error instanceof ObjectError) {
        sendError(request, response, error);
        return;
      }
      const id = sendError(request, response, { status: 500, message: INTERNAL, retryAfterS: undefined });
      parts.onFault(id, error);
    };
    try {
      const namespace = parts.authenticate(request);
      const path = request.url ?? '';
      const parsed = parseObjectRequest(request.method ?? '', path, request.headers);
      const call: Call = {
        parts,
        request,
        response,
        namespace,
        path,
        parsed,
        proceed,
        fail,
        rounds: 0,
        waitsUntil: undefined,
        losses: 0,
      };
      const served = begin(call);
      if (served) served.catch(fail);
    } catch (error) {
      fail(error);
    }
  };
}

const INTERNAL = 'There was an internal server error.';

interface Call {
  readonly parts: ObjectListenerParts;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly namespace: ObjectNamespace;
  readonly path: string;
  readonly parsed: ObjectRequest;
  readonly proceed: (() => void) | undefined;
  /** Responds with an error. */
  readonly fail: (error: unknown) => void;
  /** How often the home was looked for: it may change in between. */
  rounds: number;
  /** The end of its wait here, in ms; undefined: it has not waited yet. */
  waitsUntil: number | undefined;
  /** How often the object that it waits for has left the memory. */
  losses: number;
}

/** How often a request may meet a home that changes. */
const MAX_ROUNDS = 3;

/** Serves the request at once if it can, else returns a promise. */
function begin(call: Call): Promise<void> | undefined {
  const { parts, namespace, parsed } = call;
  // A new wait would not be told that its caller has gone.
  if (isGone(call.response)) return undefined;
  if (call.rounds++ >= MAX_ROUNDS) throw moving();
  const location = parts.elsewhere.locate(namespace, colorOfRequest(parsed), parsed.policy);
  if (!(location instanceof Promise)) return serve(call, location);
  return location.then((found) => (isGone(call.response) ? undefined : serve(call, found)));
}

const moving = (): ObjectError =>
  new ObjectError(503, 'The home of the color is changing: try again.', { retryAfterS: 1 });

const isOwned = ({ parts: { elsewhere }, namespace, parsed }: Call): boolean =>
  elsewhere.owns?.(namespace, colorOfRequest(parsed)) ?? true;

/**
 * Runs an operation as soon as nothing is to be waited for: see `Elsewhere.prepare`. In between, no other operation runs,
 * so that two of them do not both follow the end of one wait. An operation whose caller has gone meanwhile does not run.
 */
function whenReady(
  call: Call,
  address: ObjectAddress,
  operation: () => Promise<void> | undefined,
  searches: Searches = NOT_SEARCHED,
): Promise<void> | undefined {
  const wait = call.parts.elsewhere.prepare?.(call.namespace, address, searches.mayRecover);
  if (!wait) return operation();
  return wait.then((prepared) =>
    isGone(call.response) ? undefined : whenReady(call, address, operation, afterWait(searches, prepared)),
  );
}

function serve(call: Call, location: Location): Promise<void> | undefined {
  const { parts, parsed, namespace, request, response, path, proceed } = call;
  if (location.kind === 'unknown') {
    throw new ObjectError(503, `The home of the color is not known: ${location.reason}`, { retryAfterS: 1 });
  }
  if (location.kind === 'elsewhere') {
    proceed?.();
    const color = colorOfRequest(parsed);
    const { homes } = location;
    return parts.elsewhere.forward({ request, response, namespace, color, policy: parsed.policy, path, homes });
  }
  if (parsed.kind === 'list') {
    if (parts.elsewhere.list) {
      return parts.elsewhere.list(namespace, parsed).then(
        (list) => {
          if (!isOwned(call)) return begin(call);
          sendJson(response, JSON.stringify(list));
          return undefined;
        },
        (error: unknown) => {
          // Another invoker can make it now.
          if (!isOwned(call)) return begin(call);
          throw error;
        },
      );
    }
    sendJson(response, JSON.stringify(parts.memory.list(namespace, parsed, parts.now())));
    return undefined;
  }
  const { address } = parsed;
  if (parsed.kind !== 'get') admit(call, parsed);
  return whenReady(call, address, () => (isOwned(call) ? operate(call, parsed) : begin(call)));
}

/** See `Elsewhere.admit`. @throws ObjectError 503 */
function admit({ parts, namespace }: Call, parsed: Exclude<ObjectRequest, { readonly kind: 'get' | 'list' }>): void {
  parts.elsewhere.admit?.(namespace, parsed.address, parsed.kind === 'delete' ? undefined : parsed.persistence);
}

function operate(call: Call, parsed: Exclude<ObjectRequest, { readonly kind: 'list' }>): Promise<void> | undefined {
  const { parts, namespace, response } = call;
  const { address } = parsed;
  const { memory, now } = parts;
  if (parsed.kind === 'get') return get(call, parsed);
  if (parsed.kind === 'put' || parsed.kind === 'append') return write(call, parsed);
  if (parsed.kind === 'increment') {
    if (parsed.by === undefined) return incrementByBody(call, parsed);
    admit(call, parsed);
    const before = memory.peek(namespace, address, now());
    const { object, sum } = memory.increment(namespace, address, parsed.by, parsed, now());
    return afterChange(call, address, object, before, () => sendJson(response, String(sum), object.etag));
  }
  admit(call, parsed);
  const before = memory.delete(namespace, address, parsed.condition, now());
  return afterChange(call, address, undefined, before, () => sendEmpty(response, 204));
}

/** Responds once the change is as safe as the object's persistence promises. */
function afterChange(
  { parts, namespace }: Call,
  address: ObjectAddress,
  object: StoredObject | undefined,
  before: StoredObject | undefined,
  respond: () => void,
): Promise<void> | undefined {
  const settled = parts.elsewhere.settle?.(namespace, address, object, before);
  if (settled) return settled.then(respond);
  respond();
  return undefined;
}

function get(call: Call, { address, known, waitMs, head }: GetRequest): undefined {
  const { parts, namespace, response } = call;
  const { memory, now } = parts;
  const time = now();
  const found = memory.read(namespace, address, time);
  const isOver = waitMs === 0 || endsWait(found, known);
  const restMs = (call.waitsUntil ?? time + waitMs) - time;
  if (isOver || restMs <= 0) {
    if (call.waitsUntil !== undefined) parts.onWaited?.(isOver);
    answer(call, found, { address, known, head });
    return;
  }
  call.waitsUntil = time + restMs;
  const end = memory.wait(namespace, address, known, (object) => {
    stop();
    // A change may not be safe yet. It is made safe right after it is in memory.
    queueMicrotask(() => {
      const unsafe = parts.elsewhere.prepare?.(namespace, address, false);
      if (object && !unsafe) {
        parts.onWaited?.(true);
        answer(call, object, { address, known, head });
        return;
      }
      // An object that is not in memory any more may only be evicted. Then it is read from the store again.
      call.rounds = 0;
      Promise.resolve(unsafe)
        .then(() => (object ? undefined : pauseAfterLoss(call)))
        .then(() => begin(call))
        .catch(call.fail);
    });
  });
  const stay = parts.elsewhere.onLeave?.(namespace, address.color, () => {
    abandon();
    // The next owner of the color has the rest of the wait.
    Promise.resolve(call).then(begin).catch(call.fail);
  });
  const stop = (): void => {
    clearTimeout(late);
    stay?.();
    response.off('close', abandon);
  };
  const abandon = (): void => {
    stop();
    end();
  };
  const late = setTimeout(() => {
    abandon();
    parts.onWaited?.(false);
    answer(call, memory.peek(namespace, address, now()), { address, known, head });
  }, restMs);
  response.once('close', abandon);
}

/** How often an object may leave the memory before the pauses begin, and each pause in ms. */
const FREE_LOSSES = 5;
const LOSS_PAUSE_MS = 1000;

/**
 * Two objects that do not fit in memory together evict each other if both are waited for. Without pauses the store would read
 * them all the time.
 */
function pauseAfterLoss(call: Call): Promise<void> | undefined {
  return call.losses++ < FREE_LOSSES ? undefined : delay(LOSS_PAUSE_MS);
}

function answer(
  { parts, namespace, request, response }: Call,
  object: StoredObject | undefined,
  { address, known, head }: Pick<GetRequest, 'address' | 'known' | 'head'>,
): void {
  if (!object) sendError(request, response, notFound());
  else if (known !== undefined && isKnown(object, known)) sendEmpty(response, 304, object.etag);
  else sendObject(response, object, head, () => parts.memory.hold(namespace, address, object), parts.sendMs);
}

/** Reads the body, and writes it or appends it. */
async function write(call: Call, parsed: ObjectRequest & { readonly kind: 'put' | 'append' }): Promise<void> {
  const { parts, request, namespace, proceed } = call;
  const { memory, now } = parts;
  const { address } = parsed;
  const length = bodyLength(request);
  // Refuse what cannot succeed before its body is sent. The condition is checked again after it.
  requireCondition(parsed.condition, memory.peek(namespace, address, now()));
  const announced = { persistence: parsed.persistence, bytes: length ?? 0, appends: parsed.kind === 'append' };
  memory.requireKeepable(namespace, address, announced, now());
  const reservation = memory.reserve(namespace, address, length ?? 0, now());
  try {
    proceed?.();
    const bytes = await readBody(request, length, reservation, now);
    await whenReady(call, address, () => {
      if (!isOwned(call)) throw moving();
      return change(call, parsed, bytes, reservation);
    });
  } finally {
    reservation.release();
  }
}

/** Reads the number to add from the body, and adds it. */
async function incrementByBody(call: Call, parsed: IncrementRequest): Promise<void> {
  const { parts, request, namespace, proceed } = call;
  const { memory, now } = parts;
  const { address } = parsed;
  const length = bodyLength(request) ?? MAX_NUMBER_BYTES;
  if (length > MAX_NUMBER_BYTES) throw new ObjectError(400, NO_NUMBER);
  const reservation = memory.reserve(namespace, address, length, now());
  try {
    proceed?.();
    const text = (await readBody(request, bodyLength(request), reservation, now)).text().trim();
    const by = parseNumber(text === '' ? '1' : text);
    if (by === undefined) throw new ObjectError(400, NO_NUMBER);
    await whenReady(call, address, () => {
      if (!isOwned(call)) throw moving();
      return operate(call, { ...parsed, by });
    });
  } finally {
    reservation.release();
  }
}

const MAX_NUMBER_BYTES = 64;
const NO_NUMBER = 'The body must be empty or a decimal number, such as 1, -2 or 0.5.';

/** Writes or appends a body that is in memory. */
function change(
  call: Call,
  parsed: ObjectRequest & { readonly kind: 'put' | 'append' },
  bytes: ObjectBytes,
  reservation: Reservation,
): Promise<void> | undefined {
  const { parts, response, namespace } = call;
  const { memory, now } = parts;
  const { address } = parsed;
  admit(call, parsed);
  const before = memory.peek(namespace, address, now());
  if (parsed.kind === 'put') {
    const { object, created } = memory.put(namespace, address, bytes, parsed, reservation, now());
    return afterChange(call, address, object, before, () => sendEmpty(response, created ? 201 : 200, object.etag));
  }
  const object = memory.append(namespace, address, inOnePiece(bytes), parsed, reservation, now());
  const reply = JSON.stringify({ bytes: object.bytes.length });
  return afterChange(call, address, object, before, () => sendJson(response, reply, object.etag));
}

/** A body with a known length is in one piece already. */
function inOnePiece(bytes: ObjectBytes): Uint8Array {
  const pieces = bytes.pieces();
  const [first] = pieces;
  return pieces.length === 1 && first ? first : Buffer.concat(pieces);
}
