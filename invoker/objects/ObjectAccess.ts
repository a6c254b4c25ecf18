import { setTimeout as sleep } from 'node:timers/promises';
import { LazyHttpClient } from '../../shared/objects/LazyHttpClient.js';
import { MAX_OBJECT_BYTES } from '../../shared/objects/bounds.js';
import { BrokenConnectionError } from '../../shared/objects/client/Connection.js';
import { ObjectError, passesSoon } from '../../shared/objects/ObjectError.js';
import { objectPath, parseObjectPath, type ObjectAddress } from '../../shared/objects/objectPath.js';
import { PERSISTENCE_HEADER, POLICY_HEADER, TTL_HEADER, type Persistence } from '../../shared/objects/ObjectRequest.js';
import type { ObjectNamespace } from '../../shared/objects/ObjectToken.js';
import type { CallClient } from './calls/CallClient.js';
import { ReadConnections } from './ReadConnections.js';

/** The longest time for one object, in ms. */
const CALL_MS = 30_000;
const CONNECTIONS = 8;
/**
 * How long a read or a write is tried again, in ms, while a home is not known: it may be silent for 10 s. A home without memory
 * gets that of idle containers within a second or two.
 */
const PATIENCE_MS = 15_000;
const PAUSE_MS = 250;
/** The origin of its pool, which is a Unix socket. */
const ORIGIN = 'http://objects';

/** The room for an object that is read. */
export interface Room {
  readonly maxBytes: number;
  /** Waits until there is memory for so many bytes. @throws when there is none. */
  readonly admit: (bytes: number) => Promise<void>;
}

export interface ReadObject {
  readonly bytes: Buffer;
  readonly contentType: string;
  /** To be called when nobody reads the bytes any more; missing: nothing is to be done then. */
  readonly release?: () => void;
}

/** The properties of an object that the invoker writes. */
export interface ObjectToWrite {
  /** Empty after the write: they may move to the thread of the objects. */
  readonly bytes: Uint8Array;
  readonly contentType: string;
  readonly persistence: Persistence;
  readonly ttlMs: number;
}

export interface ObjectAccessParts {
  /** The path of the object server's socket. */
  readonly socketPath: string;
  readonly token: (namespace: ObjectNamespace) => string;
  /** The calls to the thread of the objects; undefined while it does not run. */
  readonly calls: () => Pick<CallClient, 'read' | 'write'> | undefined;
  /** For tests; missing: 15 s. */
  readonly patienceMs?: number | undefined;
}

/**
 * Reads and writes objects for the invoker itself: by calls to the thread of the objects if it runs and has the object's
 * color. Otherwise over the socket of its server, which starts the thread, and forwards requests to other homes.
 */
export class ObjectAccess {
  readonly #parts: ObjectAccessParts;
  readonly #client: LazyHttpClient;
  readonly #reads: ReadConnections;
  #closed = false;

  constructor(parts: ObjectAccessParts) {
    this.#parts = parts;
    const { socketPath } = parts;
    const options = { socketPath, connections: CONNECTIONS, headersTimeout: CALL_MS, bodyTimeout: CALL_MS };
    this.#client = new LazyHttpClient(({ Pool }) => new Pool(ORIGIN, options));
    this.#reads = new ReadConnections(socketPath, CALL_MS);
  }

  /**
   * Reads an object. Tries again for some seconds while its home is not known.
   * @throws ObjectError: 404, 413 for a larger one, 503, …
   */
  read(
    namespace: ObjectNamespace,
    address: ObjectAddress,
    policy: string | undefined,
    room: Room,
  ): Promise<ReadObject> {
    return this.#patiently(() => this.#read(namespace, address, policy, room));
  }

  async #read(
    namespace: ObjectNamespace,
    address: ObjectAddress,
    policy: string | undefined,
    { maxBytes, admit }: Room,
  ): Promise<ReadObject> {
    requireNames(address, policy);
    const most = Math.min(maxBytes, MAX_OBJECT_BYTES);
    const found = await this.#parts.calls()?.read({ namespace, address, policy }, most, admit);
    if (found) return found;
    const { status, headers, body } = await this.#reads
      .read(readHead(this.#parts.token(namespace), address, policy), async (length) => {
        if (length > most) {
          throw new ObjectError(413, `The object has ${length} bytes, and there is room for ${maxBytes}.`);
        }
        await admit(length);
      })
      .catch((error: unknown) => {
        throw error instanceof BrokenConnectionError ? new ObjectError(503, SILENT, { cause: error }) : error;
      });
    if (status !== 200) throw refusal(status, body.toString(), headers.get('retry-after'));
    return { bytes: body, contentType: headers.get('content-type') ?? 'application/octet-stream' };
  }

  /** Writes an object. Tries again for some seconds while its home is not known or has no memory. @throws ObjectError: 413, 429, 503, … */
  async write(
    namespace: ObjectNamespace,
    address: ObjectAddress,
    policy: string | undefined,
    { bytes, contentType, persistence, ttlMs }: ObjectToWrite,
  ): Promise<void> {
    requireNames(address, policy);
    const calls = this.#parts.calls();
    const properties = { contentType, persistence, ttlMs };
    const left = calls ? await calls.write({ namespace, address, policy }, bytes, properties) : bytes;
    if (!left) return;
    const headers = {
      'content-type': contentType,
      [PERSISTENCE_HEADER]: persistence,
      [TTL_HEADER]: String(ttlMs / 1000),
    };
    await this.#patiently(async () => {
      const token = this.#parts.token(namespace);
      const { statusCode, headers: answered, body } = await this.#send('PUT', token, address, policy, headers, left);
      const text = await body.text();
      if (statusCode >= 300) throw refusal(statusCode, text, answered['retry-after']);
    });
  }

  async #patiently<T>(attempt: () => Promise<T>): Promise<T> {
    const until = performance.now() + (this.#parts.patienceMs ?? PATIENCE_MS);
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        if (this.#closed || !passesSoon(error) || performance.now() + PAUSE_MS > until) throw error;
        await sleep(PAUSE_MS);
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#reads.close();
    await this.#client.close();
  }

  async #send(
    method: 'PUT',
    token: string,
    { color, key }: ObjectAddress,
    policy: string | undefined,
    more: Readonly<Record<string, string>>,
    body: Uint8Array | undefined,
  ) {
    const headers = {
      ...more,
      authorization: `Bearer ${token}`,
      ...(policy === undefined ? {} : { [POLICY_HEADER]: policy }),
    };
    try {
      return await this.#client.request(ORIGIN, objectPath(color, key), { method, headers, body: body ?? null });
    } catch (cause) {
      throw new ObjectError(503, SILENT, { cause });
    }
  }
}

const SILENT = 'The object memory of this invoker does not answer.';

/** @throws ObjectError 400 for a policy whose name cannot be the value of a header, and for names that are too long */
function requireNames({ color, key }: ObjectAddress, policy: string | undefined): void {
  if (policy !== undefined && !/^[\u0020-\u007e]*$/.test(policy)) {
    throw new ObjectError(400, 'The name of a color policy has ASCII characters only.');
  }
  parseObjectPath(objectPath(color, key));
}

function readHead(token: string, { color, key }: ObjectAddress, policy: string | undefined): string {
  const named = policy === undefined ? '' : `${POLICY_HEADER}: ${policy}\r\n`;
  return `GET ${objectPath(color, key)} HTTP/1.1\r\nHost: objects\r\nAuthorization: Bearer ${token}\r\n${named}\r\n`;
}

/** The server's refusal as an error, with the server's words. */
function refusal(status: number, text: string, retryAfter: unknown): ObjectError {
  let reason = `The object memory answered ${status}.`;
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null && 'error' in body && typeof body.error === 'string') {
      reason = body.error;
    }
  } catch {
    // The reason stays.
  }
  const known = STATUSES.find((one) => one === status);
  const retryAfterS = Number(retryAfter ?? Number.NaN);
  return new ObjectError(known ?? 502, reason, Number.isNaN(retryAfterS) ? {} : { retryAfterS });
}

const STATUSES = [400, 401, 403, 404, 412, 413, 421, 429, 503] as const;
