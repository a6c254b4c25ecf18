import type { IncomingMessage } from 'node:http';
import { TextDecoder } from 'node:util';
import type { Json, JsonObject } from '../../shared/entities/keyvalue.js';
import { ApiError, malformedContent, tooLarge, unsupportedContentType } from './ApiError.js';
import { explainDepth, explainJsonError } from './jsonSyntax.js';

/** The largest body of any request: an action with 48 MB of code, as base64 would be 64 MB, is refused as in OpenWhisk. */
export const MAX_BODY_BYTES = 50 * 1024 * 1024;

/**
 * Reads a request's whole body.
 * @throws ApiError 413 where it is over `limit` bytes (as soon as that is known), 400 where the caller breaks off.
 */
export function readBody(req: IncomingMessage, limit: number = MAX_BODY_BYTES): Promise<Buffer> {
  const announced = Number(req.headers['content-length'] ?? 0);
  if (announced > limit) return Promise.reject(tooLarge('Request', announced, limit));
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > limit) {
        req.off('data', onData);
        req.resume();
        reject(tooLarge('Request', bytes, limit));
        return;
      }
      chunks.push(chunk);
    };
    req.on('data', onData);
    req.once('end', () => {
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks));
    });
    req.once('error', () => {
      reject(new ApiError(400, 'The request ended before its body did.'));
    });
    req.once('aborted', () => {
      reject(new ApiError(400, 'The request ended before its body did.'));
    });
  });
}

/** The media type of a request, lower case and without parameters; undefined where it has none. */
export function mediaType(req: IncomingMessage): string | undefined {
  const header = req.headers['content-type'];
  if (header === undefined) return undefined;
  const semicolon = header.indexOf(';');
  return (semicolon < 0 ? header : header.slice(0, semicolon)).trim().toLowerCase();
}

const utf8 = new TextDecoder('utf-8');

/** @throws ApiError 400 with the place of the mistake. */
export function parseJson(bytes: Uint8Array, decoder: TextDecoder = utf8): Json {
  const text = decoder.decode(bytes);
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    throw malformedContent(explainJsonError(text));
  }
  const tooDeep = explainDepth(text);
  if (tooDeep !== undefined) throw malformedContent(tooDeep);
  return value;
}

const CHARSET = /;\s*charset\s*=\s*"?([^\s";]+)/i;

/** How a request's text is encoded: as its type says where that is known, else UTF-8. */
function decoderOf(req: IncomingMessage): TextDecoder {
  const charset = CHARSET.exec(req.headers['content-type'] ?? '')?.[1]?.toLowerCase();
  if (charset === undefined || charset === 'utf-8' || charset === 'utf8') return utf8;
  try {
    return new TextDecoder(charset);
  } catch {
    return utf8;
  }
}

/** A body that comes without a type counts as bytes, as in OpenWhisk. */
function requireJsonType(req: IncomingMessage): void {
  const { 'content-type': given, 'content-length': length = '0', 'transfer-encoding': encoding } = req.headers;
  if (given === undefined && encoding === undefined && Number(length) === 0) return;
  if (mediaType(req) === 'application/json') return;
  throw unsupportedContentType(given ?? 'application/octet-stream', 'application/json');
}

/**
 * Reads a JSON body that has to be there (`PUT`).
 * @throws ApiError 400, 413, 415.
 */
export async function readJson(req: IncomingMessage, limit: number = MAX_BODY_BYTES): Promise<Json> {
  requireJsonType(req);
  const bytes = await readBody(req, limit);
  if (bytes.length === 0) throw new ApiError(400, 'Request entity expected but not supplied');
  return parseJson(bytes, decoderOf(req));
}

/**
 * Reads a JSON object; none at all counts as an empty one (`POST`).
 * @throws ApiError 400, 413, 415.
 */
export async function readJsonObject(req: IncomingMessage, limit: number = MAX_BODY_BYTES): Promise<JsonObject> {
  // The size goes first: what is too large is refused whatever it is.
  const bytes = await readBody(req, limit);
  requireJsonType(req);
  if (bytes.length === 0) return {};
  const value = parseJson(bytes, decoderOf(req));
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw malformedContent('JSON object expected');
  return value;
}
