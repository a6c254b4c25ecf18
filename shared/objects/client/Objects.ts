import { createHash } from 'node:crypto';
import type { RawResponse, ServerAddress } from './Connection.js';
import { Increments } from './Increments.js';
import { Lock, type LockOptions } from './Lock.js';
import { ObjectsError } from './ObjectsError.js';
import type {
  CallOptions,
  GetOptions,
  Listed,
  PutOptions,
  PutResult,
  Versioned,
  WaitOptions,
  WriteOptions,
} from './options.js';
import { Transport, type TransportRequest } from './Transport.js';
import { decodeValue, encodeValue } from './values.js';

/** On a busy machine, the thread of an object memory needs seconds to start at its first request. */
const DEFAULT_MS = 30_000;
const LARGE_MS = 60_000;
const LARGE_BYTES = 1024 * 1024;
const WAIT_MS = 60_000;
/** The longest wait of one request. */
const WAIT_STEP_MS = 60_000;
const LOAD_LEASE_MS = 10_000;
const LOAD_MS = 300_000;

/** The objects of a namespace, as its actions see them. Each method rejects with an `ObjectsError`. */
export class Objects {
  readonly #transport: Transport;
  readonly #increments: Increments;
  /** The loads of this process by color and key. */
  readonly #loads = new Map<string, Promise<unknown>>();

  constructor(address: ServerAddress, token: string) {
    this.#transport = new Transport(address, token);
    this.#increments = new Increments((color, key, by, options) => this.#increment(color, key, by, options));
  }

  /** The value of an object; undefined if there is none and no `load`. */
  async get(color: string, key: string, options: GetOptions = {}): Promise<unknown> {
    const found = await this.read(color, key, options);
    if (found) return found.value;
    const { load } = options;
    return load && this.#load(color, key, load, options);
  }

  /** An object with its tag and type; undefined if there is none. */
  async read(color: string, key: string, options: CallOptions = {}): Promise<Versioned | undefined> {
    const response = await this.#send('GET', pathOf(color, key), options, [404], LARGE_MS);
    return response.status === 404 ? undefined : versioned(response);
  }

  /**
   * Writes bytes, text, or a value as JSON.
   * @returns the tag of the new version, and whether there was no object before.
   */
  async put(color: string, key: string, value: unknown, options: PutOptions = {}): Promise<PutResult> {
    const { body, type } = encodeValue(value, options.type);
    const headers: [string, string][] = [['Content-Type', type], ...writeHeaders(options)];
    if (options.ifMatch !== undefined) headers.push(['If-Match', options.ifMatch]);
    if (options.ifAbsent === true) headers.push(['If-None-Match', '*']);
    const response = await this.#send('PUT', pathOf(color, key), options, [], timeFor(body), { headers, body });
    return { etag: response.headers.get('etag') ?? '', created: response.status === 201 };
  }

  /**
   * Waits until the object exists, or with `since`, until it is another version.
   * @returns the object; undefined if the wait is over, or if the object of `since` is gone.
   */
  async wait(color: string, key: string, options: WaitOptions = {}): Promise<Versioned | undefined> {
    const headers: [string, string][] = options.since === undefined ? [] : [['If-None-Match', options.since]];
    const deadline = performance.now() + (options.forMs ?? WAIT_MS);
    for (;;) {
      const left = Math.max(0, deadline - performance.now());
      const response = await this.#waitOnce(color, key, headers, left, options);
      if (response.status === 200) return versioned(response);
      if (response.status === 404 && options.since !== undefined) return undefined;
      if (left <= WAIT_STEP_MS) return undefined;
    }
  }

  /**
   * Waits until the object is gone.
   * @returns whether it is gone; false: the wait is over.
   */
  async waitUntilGone(color: string, key: string, options: Omit<WaitOptions, 'since'> = {}): Promise<boolean> {
    const deadline = performance.now() + (options.forMs ?? WAIT_MS);
    for (;;) {
      const left = Math.max(0, deadline - performance.now());
      const response = await this.#waitOnce(color, key, [['If-None-Match', '*']], left, options);
      if (response.status === 404) return true;
      if (left <= WAIT_STEP_MS) return false;
    }
  }

  /**
   * Adds to a number at the place where it is; a missing one counts as 0. Concurrent calls for the same number share
   * requests.
   * @returns the sum.
   */
  increment(color: string, key: string, by = 1, options: WriteOptions = {}): Promise<number> {
    return this.#increments.add(color, key, by, options);
  }

  /** Appends bytes or text to an object. @returns its length in bytes. */
  async append(color: string, key: string, data: Uint8Array | string, options: WriteOptions = {}): Promise<number> {
    const { body, type } = encodeValue(data, options.type);
    const path = `${pathOf(color, key)}?append`;
    // The object keeps its type, unless the caller names one.
    const named = options.type === undefined ? [] : [['Content-Type', type] as const];
    const headers = [...named, ...writeHeaders(options)];
    const response = await this.#send('POST', path, options, [], timeFor(body), { headers, body });
    const reply: unknown = JSON.parse(response.body.toString());
    return typeof reply === 'object' && reply !== null && 'bytes' in reply ? Number(reply.bytes) : 0;
  }

  /** The objects of a color whose keys begin with `prefix`, in the order of their keys. */
  async list(color: string, options: CallOptions & { readonly prefix?: string } = {}): Promise<Listed[]> {
    const all: Listed[] = [];
    for (;;) {
      const after = all.at(-1)?.key;
      const page = after === undefined ? '' : `&after=${encodeURIComponent(after)}`;
      const path = `/${encoded('color', color)}?prefix=${encodeURIComponent(options.prefix ?? '')}${page}`;
      const { body } = await this.#send('GET', path, options, [], DEFAULT_MS);
      const reply: unknown = JSON.parse(body.toString());
      if (!isList(reply)) throw new ObjectsError(0, 'The object server sent something else than a list.');
      all.push(...reply.objects);
      if (!reply.more || reply.objects.length === 0) return all;
    }
  }

  /** Removes an object. @returns whether there was one. */
  async delete(
    color: string,
    key: string,
    options: CallOptions & { readonly ifMatch?: string } = {},
  ): Promise<boolean> {
    const headers = options.ifMatch === undefined ? [] : [['If-Match', options.ifMatch] as const];
    const { status } = await this.#send('DELETE', pathOf(color, key), options, [404], DEFAULT_MS, { headers });
    return status !== 404;
  }

  /**
   * Takes a lock: an object that only one holder can make. It ends with its TTL unless it is renewed, which happens
   * until `release` or until the process is paused for longer. Then `lost` tells.
   * @returns the lock; undefined if another holder keeps it for the whole wait.
   */
  lock(color: string, key: string, options: LockOptions = {}): Promise<Lock | undefined> {
    return Lock.take(this, color, key, options);
  }

  /** Closes idle connections. */
  close(): void {
    this.#transport.close();
  }

  async #load(color: string, key: string, load: () => unknown, options: GetOptions): Promise<unknown> {
    const place = pathOf(color, key);
    const running = this.#loads.get(place);
    if (running) return running;
    const loading = this.#loadOnce(color, key, load, options).finally(() => this.#loads.delete(place));
    this.#loads.set(place, loading);
    return loading;
  }

  /** Loads the value under a lock, or waits for the holder of the lock. */
  async #loadOnce(color: string, key: string, load: () => unknown, options: GetOptions): Promise<unknown> {
    const lease = await this.lock(color, leaseKey(key), {
      ttlMs: LOAD_LEASE_MS,
      waitMs: options.timeoutMs ?? LOAD_MS,
      policy: options.policy,
    });
    if (!lease) throw new ObjectsError(0, `Another container did not load ${color}/${key} in time.`);
    try {
      const found = await this.read(color, key, options);
      if (found) return found.value;
      const value = await load();
      if (value !== undefined) await this.put(color, key, value, options);
      return value;
    } finally {
      await lease.release();
    }
  }

  async #increment(color: string, key: string, by: number, options: WriteOptions): Promise<number> {
    const path = `${pathOf(color, key)}?increment=${encodeURIComponent(by)}`;
    const response = await this.#send('POST', path, options, [], DEFAULT_MS, { headers: writeHeaders(options) });
    return Number(response.body.toString());
  }

  #waitOnce(
    color: string,
    key: string,
    headers: readonly (readonly [string, string])[],
    leftMs: number,
    options: CallOptions,
  ): Promise<RawResponse> {
    const ms = Math.ceil(Math.min(leftMs, WAIT_STEP_MS));
    const path = `${pathOf(color, key)}?wait=${ms}ms`;
    return this.#send('GET', path, { policy: options.policy }, [304, 404], ms + LARGE_MS, { headers, waits: true });
  }

  /** @param allowed the statuses that are not errors, besides successes. */
  async #send(
    method: TransportRequest['method'],
    path: string,
    { timeoutMs, policy }: CallOptions,
    allowed: readonly number[],
    standardMs: number,
    { headers = [], body, waits }: Pick<TransportRequest, 'headers' | 'body' | 'waits'> = {},
  ): Promise<RawResponse> {
    const all = policy === undefined ? headers : [...headers, ['X-OpenWhisk-Color-Policy', policy] as const];
    const response = await this.#transport.send({
      method,
      path,
      headers: all,
      body,
      timeoutMs: timeoutMs ?? standardMs,
      waits,
    });
    const { status } = response;
    if ((status >= 200 && status < 300) || allowed.includes(status)) return response;
    throw errorOf(response);
  }
}

const isList = (value: unknown): value is { readonly objects: readonly Listed[]; readonly more: boolean } =>
  typeof value === 'object' && value !== null && 'objects' in value && Array.isArray(value.objects) && 'more' in value;

const timeFor = ({ length }: Uint8Array): number => (length > LARGE_BYTES ? LARGE_MS : DEFAULT_MS);

const pathOf = (color: string, key: string): string => `/${encoded('color', color)}/${encoded('key', key)}`;

/** Callers without types may pass other values: `undefined` must not become the color of that name. */
function encoded(part: 'color' | 'key', text: unknown): string {
  if (typeof text !== 'string' && typeof text !== 'number') {
    throw new ObjectsError(400, `The ${part} must be a string, not ${text === null ? 'null' : typeof text}.`);
  }
  try {
    return encodeURIComponent(text);
  } catch (cause) {
    throw new ObjectsError(400, `The ${part} has half of a surrogate pair.`, { cause });
  }
}

/** The longest key, in bytes. */
const MAX_KEY_BYTES = 1024;

/** The key of the lock for loading a key. The client for Python has the same. */
function leaseKey(key: string): string {
  const lease = `~load/${key}`;
  if (Buffer.byteLength(lease) <= MAX_KEY_BYTES) return lease;
  return `~load/${createHash('sha256').update(key).digest('hex')}`;
}

function writeHeaders({ ttlMs, persistence }: WriteOptions): [string, string][] {
  const headers: [string, string][] = [];
  if (ttlMs !== undefined) {
    // The server counts milliseconds, and refuses a time that is not above 0.
    const ms = ttlMs > 0 ? Math.max(1, Math.round(ttlMs)) : ttlMs;
    headers.push(['X-Palette-TTL', String(ms / 1000)]);
  }
  if (persistence !== undefined) headers.push(['X-Palette-Persistence', persistence]);
  return headers;
}

function versioned({ headers, body }: RawResponse): Versioned {
  const type = headers.get('content-type') ?? 'application/octet-stream';
  return {
    value: decodeValue(body, type),
    etag: headers.get('etag') ?? '',
    type,
    persistence: headers.get('x-palette-persistence') ?? 'memory',
  };
}

function errorOf({ status, headers, body }: RawResponse): ObjectsError {
  const retryAfter = headers.get('retry-after');
  const more = {
    retryAfterS: retryAfter === undefined ? undefined : Number(retryAfter),
    code: headers.get('x-request-id'),
  };
  try {
    const reply: unknown = JSON.parse(body.toString());
    if (typeof reply === 'object' && reply !== null && 'error' in reply && typeof reply.error === 'string') {
      return new ObjectsError(status, reply.error, more);
    }
  } catch {
    // Not the object server's own error.
  }
  return new ObjectsError(status, `The object server responded with status ${status}.`, more);
}
