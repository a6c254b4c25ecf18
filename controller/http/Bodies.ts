import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Json, JsonObject } from '../../shared/entities/keyvalue.js';
import { MAX_VALUES } from '../../shared/entities/nesting.js';
import type { Share } from '../../shared/process/MemoryShares.js';
import { ApiError, malformedContent, tooLarge } from './ApiError.js';
import {
  brokenOff,
  decoderOf,
  isJsonType,
  joined,
  MAX_BODY_BYTES,
  parseJson,
  readAnnounced,
  requireJsonType,
  utf8,
} from './body.js';
import { BodyMemory } from './BodyMemory.js';
import { JsonError } from './JsonError.js';
import { JsonReader, TooManyValuesError } from './JsonReader.js';

const KB = 1024;
const MB = 1024 * KB;

/** A body up to this size, as most are, is read without a reservation of memory. */
const SMALL_BYTES = 64 * KB;
/** A body up to this size is parsed by `JSON.parse`, which blocks the process for at most some tens of ms. */
const PARSED_AT_ONCE_BYTES = MB;
/** The approximate memory of a value in addition to its text, in bytes. */
const VALUE_BYTES = 64;
/** After this many bytes of a large body, other requests get a turn. */
const BYTES_PER_TURN = 64 * KB;

/** The memory for bodies over 64 KB while they are read and parsed, and for bodies over 1 MB until the response. */
const MEDIUM_MEMORY_BYTES = 64 * MB;
const LARGE_MEMORY_BYTES = 128 * MB;
/** The share of one namespace in each of the two. */
const SHARE_BYTES = 32 * MB;

/** Of code that is on its way to clients: of all namespaces, and of one. */
const ANSWER_BYTES = 128 * MB;
const ANSWER_SHARE_BYTES = 64 * MB;
/** A client has to take such a response within this time, in ms: 0.4 MB/s for the largest. */
const ANSWER_LIMIT_MS = 120_000;

/** A request and its response. The request's memory is released when the response closes. */
type Incoming = IncomingMessage & {
  readonly res?: ServerResponse | undefined;
  readonly identity?: { readonly namespace: { readonly name: string } } | undefined;
};

/**
 * Reads the bodies of requests so that a body does not slow down other requests. It checks bytes, values and depth
 * before it builds a value, bounds the memory of all bodies together, and reads large bodies in steps.
 */
export class Bodies {
  readonly #medium: BodyMemory;
  readonly #large: BodyMemory;
  readonly #answers: BodyMemory;
  readonly #answerMs: number;
  readonly #reserved = new WeakSet<ServerResponse>();
  #turn: Promise<void> = Promise.resolve();

  /** Bytes of memory for all bodies, the share of each namespace in it, and the time in ms for a client to take a large response. */
  constructor({
    mediumBytes = MEDIUM_MEMORY_BYTES,
    largeBytes = LARGE_MEMORY_BYTES,
    shareBytes = SHARE_BYTES,
    answerBytes = ANSWER_BYTES,
    answerShareBytes = ANSWER_SHARE_BYTES,
    answerMs = ANSWER_LIMIT_MS,
  } = {}) {
    this.#answerMs = answerMs;
    this.#answers = new BodyMemory({ total: answerBytes, ofOne: answerShareBytes });
    this.#medium = new BodyMemory({ total: mediumBytes, ofOne: shareBytes });
    this.#large = new BodyMemory({ total: largeBytes, ofOne: shareBytes });
  }

  /**
   * Reads a whole body as bytes.
   * @param namespace the namespace whose share of the memory it takes; by default that of the caller.
   * @throws ApiError 413 as soon as it exceeds `limit` bytes; 400 if the caller disconnects; 429 or 503 if too many
   * bodies are being read.
   */
  async read(req: Incoming, limit: number = MAX_BODY_BYTES, namespace = namespaceOf(req)): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    await this.#receive(req, limit, namespace, (chunk) => {
      chunks.push(chunk);
      bytes += chunk.length;
    });
    if (bytes > SMALL_BYTES) await this.#nextTurn();
    return joined(chunks);
  }

  /**
   * Reads a required JSON body (`PUT`).
   * @throws ApiError 400, 413, 415, 429, 503.
   */
  async json(req: Incoming, limit: number = MAX_BODY_BYTES): Promise<Json> {
    requireJsonType(req);
    const value = await this.#readJson(req, limit);
    if (value === undefined) throw new ApiError(400, 'Request entity expected but not supplied');
    return value;
  }

  /**
   * Reads a JSON object; a missing body counts as an empty object (`POST`).
   * @throws ApiError 400, 413, 415, 429, 503.
   */
  async jsonObject(req: Incoming, limit: number = MAX_BODY_BYTES): Promise<JsonObject> {
    // A body that is too large gets 413, even if its type is wrong, too.
    if (!isJsonType(req)) await this.read(req, limit);
    requireJsonType(req);
    const value = await this.#readJson(req, limit);
    if (value === undefined) return {};
    if (value === null || typeof value !== 'object' || Array.isArray(value)) {
      throw malformedContent('JSON object expected');
    }
    return value;
  }

  /**
   * Reserves memory for a large response, until it is sent: once, if a request asks again. Closes the connection of a
   * client that takes it too slowly.
   * @throws ApiError 429, 503; 400 if the client is gone.
   */
  async reserve(req: Incoming, bytes: number): Promise<void> {
    const { res } = req;
    if (!res) return;
    if (res.closed) throw brokenOff();
    if (this.#reserved.has(res)) return;
    this.#reserved.add(res);
    const share = this.#answers.open(namespaceOf(req));
    let deadline: NodeJS.Timeout | undefined;
    res.once('close', () => {
      clearTimeout(deadline);
      share.release();
    });
    await share.take(bytes);
    deadline = setTimeout(() => res.destroy(), this.#answerMs);
  }

  /** Undefined for an empty body. */
  async #readJson(req: Incoming, limit: number): Promise<Json | undefined> {
    const decoder = decoderOf(req);
    if (isSmall(req, limit)) {
      const body = await readAnnounced(req);
      return body.length === 0 ? undefined : parseJson(body, decoder);
    }
    let chunks: Buffer[] = [];
    let bytes = 0;
    let reader: JsonReader | undefined;
    const feed = (chunk: Buffer, share: Share | undefined): Promise<void> | void => {
      if (!reader) return;
      const before = reader.values;
      try {
        reader.write(decoder === utf8 ? chunk : Buffer.from(decoder.decode(chunk, { stream: true })));
      } catch (error) {
        throw asRefusal(error);
      }
      return share?.take((reader.values - before) * VALUE_BYTES);
    };
    await this.#receive(req, limit, namespaceOf(req), async (chunk, share) => {
      bytes += chunk.length;
      if (reader) {
        await feed(chunk, share);
        return;
      }
      chunks.push(chunk);
      if (bytes <= PARSED_AT_ONCE_BYTES) return;
      reader = new JsonReader(MAX_VALUES);
      const early = chunks;
      chunks = [];
      for (const piece of early) {
        await feed(piece, share);
        await this.#nextTurn();
      }
    });
    if (bytes === 0) return undefined;
    if (bytes > SMALL_BYTES) await this.#nextTurn();
    if (!reader) return parseJson(joined(chunks), decoder);
    let value: Json;
    try {
      value = reader.end();
    } catch (error) {
      throw asRefusal(error);
    }
    await this.#nextTurn();
    return value;
  }

  /** Passes the chunks of a body to `take`. Reads the next chunk after `take` has processed the last one. */
  async #receive(
    req: Incoming,
    limit: number,
    namespace: string,
    take: (chunk: Buffer, share: Share | undefined) => Promise<void> | void,
  ): Promise<void> {
    const announced = announcedBytes(req);
    if (announced > limit) throw tooLarge('Request', announced, limit);
    if (isSmall(req, limit)) {
      const body = await readAnnounced(req);
      if (body.length > 0) await take(body, undefined);
      return;
    }
    let bytes = 0;
    let sinceTurn = 0;
    let share: Share | undefined;
    let memory: BodyMemory | undefined;
    const hold = async (chunk: Buffer): Promise<void> => {
      const wanted = memoryFor(Math.max(bytes, announced));
      if (wanted === 'none') return;
      const next = wanted === 'large' ? this.#large : this.#medium;
      if (next !== memory) {
        share?.release();
        const held = next.open(namespace);
        share = held;
        memory = next;
        if (wanted === 'large') req.res?.once('close', () => held.release());
        await held.take(bytes);
      } else await share?.take(chunk.length);
    };
    try {
      for await (const chunk of chunksOf(req)) {
        bytes += chunk.length;
        if (bytes > limit) throw tooLarge('Request', bytes, limit);
        await hold(chunk);
        const taken = take(chunk, share);
        if (taken) await taken;
        sinceTurn += chunk.length;
        if (sinceTurn >= BYTES_PER_TURN) {
          sinceTurn = 0;
          await this.#nextTurn();
        }
      }
    } catch (error) {
      share?.release();
      // Read and discard the rest: the caller reads the response only after it has sent the whole body.
      req.resume();
      throw error;
    }
    if (memory !== this.#large || !req.res) share?.release();
  }

  /** Resolves after other requests had a turn: one waiting request continues in each round of the event loop. */
  #nextTurn(): Promise<void> {
    this.#turn = this.#turn.then(() => new Promise((resolve) => setImmediate(resolve)));
    return this.#turn;
  }
}

/** The length that the request names; 0 if it names none. */
const announcedBytes = ({ headers }: Incoming): number => Number(headers['content-length'] ?? '0');

/** Whether the body is so short that it needs no share of the memory. */
function isSmall(req: Incoming, limit: number): boolean {
  return req.headers['transfer-encoding'] === undefined && announcedBytes(req) <= Math.min(SMALL_BYTES, limit);
}

/** The caller's namespace. All callers without credentials have one share. */
const namespaceOf = ({ identity }: Incoming): string => identity?.namespace.name ?? '';

function memoryFor(bytes: number): 'none' | 'medium' | 'large' {
  if (bytes <= SMALL_BYTES) return 'none';
  return bytes <= PARSED_AT_ONCE_BYTES ? 'medium' : 'large';
}

/** @throws ApiError 400 if the caller disconnects. */
async function* chunksOf(req: IncomingMessage): AsyncGenerator<Buffer> {
  try {
    const chunks: AsyncIterable<unknown> = req.iterator({ destroyOnReturn: false });
    for await (const chunk of chunks) if (Buffer.isBuffer(chunk)) yield chunk;
  } catch {
    throw brokenOff();
  }
}

function asRefusal(error: unknown): unknown {
  if (error instanceof JsonError) return malformedContent(error.message);
  if (error instanceof TooManyValuesError) return new ApiError(413, `Request larger than allowed: ${error.message}.`);
  return error;
}
