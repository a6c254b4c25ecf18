import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Json, JsonObject } from '../../shared/entities/keyvalue.js';
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
import { BodyMemory, type Share } from './BodyMemory.js';
import { JsonError } from './JsonError.js';
import { JsonReader, TooManyValuesError } from './JsonReader.js';

const KB = 1024;
const MB = 1024 * KB;

/** Up to here a body is read without further ado; most are. */
const SMALL_BYTES = 64 * KB;
/** Up to here `JSON.parse` reads a body, which blocks the process for at most some tens of ms. */
const PARSED_AT_ONCE_BYTES = MB;
/** Values of a larger body. Parameters and annotations of 1 MB each hold fewer unless they are numbers of one digit. */
const MAX_VALUES = 250_000;
/** About what a value takes beside its text. */
const VALUE_BYTES = 64;
/** After so many bytes of a large body it is the turn of other requests. */
const BYTES_PER_TURN = 256 * KB;

/** Of bodies over 64 KB that are being read and parsed, and of bodies over 1 MB until their requests are answered. */
const MEDIUM_MEMORY_BYTES = 64 * MB;
const LARGE_MEMORY_BYTES = 32 * MB;

/** A request, and where its answer goes: what it holds is given back when that is closed. */
type Incoming = IncomingMessage & { readonly res?: ServerResponse | undefined };

/**
 * Reads the bodies of requests so that none is expensive for others: bytes, values and depth are bounded before anything is
 * built, the memory of all bodies together is bounded, and large ones are read step by step.
 */
export class Bodies {
  readonly #medium: BodyMemory;
  readonly #large: BodyMemory;
  #turn: Promise<void> = Promise.resolve();

  constructor({ mediumBytes = MEDIUM_MEMORY_BYTES, largeBytes = LARGE_MEMORY_BYTES } = {}) {
    this.#medium = new BodyMemory(mediumBytes);
    this.#large = new BodyMemory(largeBytes);
  }

  /**
   * Reads a whole body as bytes.
   * @throws ApiError 413 where it is over `limit` bytes (as soon as that is known), 400 where the caller breaks off, 503
   * where too many others are being read.
   */
  async read(req: Incoming, limit: number = MAX_BODY_BYTES): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    await this.#receive(req, limit, (chunk) => {
      chunks.push(chunk);
      bytes += chunk.length;
    });
    if (bytes > SMALL_BYTES) await this.#nextTurn();
    return joined(chunks);
  }

  /**
   * Reads a JSON body that has to be there (`PUT`).
   * @throws ApiError 400, 413, 415, 503.
   */
  async json(req: Incoming, limit: number = MAX_BODY_BYTES): Promise<Json> {
    requireJsonType(req);
    const value = await this.#readJson(req, limit);
    if (value === undefined) throw new ApiError(400, 'Request entity expected but not supplied');
    return value;
  }

  /**
   * Reads a JSON object; none at all counts as an empty one (`POST`).
   * @throws ApiError 400, 413, 415, 503.
   */
  async jsonObject(req: Incoming, limit: number = MAX_BODY_BYTES): Promise<JsonObject> {
    // What is too large is refused as that, whatever its type is.
    if (!isJsonType(req)) await this.read(req, limit);
    requireJsonType(req);
    const value = await this.#readJson(req, limit);
    if (value === undefined) return {};
    if (value === null || typeof value !== 'object' || Array.isArray(value)) {
      throw malformedContent('JSON object expected');
    }
    return value;
  }

  /** Undefined for an empty body. */
  async #readJson(req: Incoming, limit: number): Promise<Json | undefined> {
    const decoder = decoderOf(req);
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
    await this.#receive(req, limit, async (chunk, share) => {
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
      for (const piece of early) await feed(piece, share);
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

  /** Lets other requests have their turn between two steps with something of so many bytes, where that takes long. */
  async pause(bytes: number): Promise<void> {
    if (bytes > PARSED_AT_ONCE_BYTES) await this.#nextTurn();
  }

  /** Hands on the pieces of a body as they come. A piece is not read before `take` is done with the one before. */
  async #receive(
    req: Incoming,
    limit: number,
    take: (chunk: Buffer, share: Share | undefined) => Promise<void> | void,
  ): Promise<void> {
    const { 'content-length': length = '0', 'transfer-encoding': encoding } = req.headers;
    const announced = Number(length);
    if (announced > limit) throw tooLarge('Request', announced, limit);
    if (encoding === undefined && announced <= SMALL_BYTES) {
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
        const held = next.open();
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
      // The caller gets its answer only after it has sent everything, so the rest is read and dropped.
      req.resume();
      throw error;
    }
    if (memory !== this.#large || !req.res) share?.release();
  }

  /** Resolves when other requests have had their turn: of those that wait here one goes on in each round of the loop. */
  #nextTurn(): Promise<void> {
    this.#turn = this.#turn.then(() => new Promise((resolve) => setImmediate(resolve)));
    return this.#turn;
  }
}

function memoryFor(bytes: number): 'none' | 'medium' | 'large' {
  if (bytes <= SMALL_BYTES) return 'none';
  return bytes <= PARSED_AT_ONCE_BYTES ? 'medium' : 'large';
}

/** @throws ApiError 400 where the caller breaks off. */
async function* chunksOf(req: IncomingMessage): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of req.iterator({ destroyOnReturn: false })) yield chunk as Buffer;
  } catch {
    throw brokenOff();
  }
}

function asRefusal(error: unknown): unknown {
  if (error instanceof JsonError) return malformedContent(error.message);
  if (error instanceof TooManyValuesError) return new ApiError(413, `Request larger than allowed: ${error.message}.`);
  return error;
}
