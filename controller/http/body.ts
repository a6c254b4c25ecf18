import type { IncomingMessage } from 'node:http';
import { TextDecoder } from 'node:util';
import type { Json } from '../../shared/entities/keyvalue.js';
import { ApiError, malformedContent, unsupportedContentType } from './ApiError.js';
import { QuickRequest } from './quick/QuickExchange.js';
import { explainDepth, explainJsonError } from './jsonSyntax.js';
import { parseJson as parseText } from '../../shared/entities/keyvalue.js';

/** The largest body of a request in bytes. As in OpenWhisk, it refuses 48 MB of code in base64, which are 64 MB. */
export const MAX_BODY_BYTES = 50 * 1024 * 1024;

/**
 * Reads the body of a request with a known length.
 * @throws ApiError 400 if the caller disconnects.
 */
export function readAnnounced(req: IncomingMessage): Promise<Buffer> {
  if (req instanceof QuickRequest) return Promise.resolve(req.whole);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.once('end', () => resolve(joined(chunks)));
    const broken = (): void => reject(brokenOff());
    req.once('error', broken);
    req.once('aborted', broken);
  });
}

export const brokenOff = (): ApiError => new ApiError(400, 'The request ended before its body did.');

export const joined = (chunks: readonly Buffer[]): Buffer =>
  chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);

/** The media type of a request, in lower case and without parameters; undefined without the header. */
function mediaType(req: IncomingMessage): string | undefined {
  const header = req.headers['content-type'];
  if (header === undefined || header === 'application/json') return header;
  const semicolon = header.indexOf(';');
  return (semicolon < 0 ? header : header.slice(0, semicolon)).trim().toLowerCase();
}

export const utf8 = new TextDecoder('utf-8');

/** @throws ApiError 400 with the position of the error. */
export function parseJson(bytes: Uint8Array, decoder: TextDecoder = utf8): Json {
  const text = decoder.decode(bytes);
  let value: Json;
  try {
    value = parseText(text);
  } catch {
    throw malformedContent(explainJsonError(text));
  }
  const tooDeep = explainDepth(text);
  if (tooDeep !== undefined) throw malformedContent(tooDeep);
  return value;
}

const CHARSET = /;\s*charset\s*=\s*"?([^\s";]+)/i;

/** The decoder for a request's text: by the charset of its content type if it is known, otherwise UTF-8. */
export function decoderOf(req: IncomingMessage): TextDecoder {
  const type = req.headers['content-type'];
  if (type === undefined || type === 'application/json') return utf8;
  const charset = CHARSET.exec(type)?.[1]?.toLowerCase();
  if (charset === undefined || charset === 'utf-8' || charset === 'utf8') return utf8;
  try {
    return new TextDecoder(charset);
  } catch {
    return utf8;
  }
}

/**
 * Whether to parse the body as JSON. As in OpenWhisk, a body without a content type is binary. A missing body is
 * allowed.
 */
export function isJsonType(req: IncomingMessage): boolean {
  const { 'content-type': given, 'content-length': length = '0', 'transfer-encoding': encoding } = req.headers;
  if (given === undefined && encoding === undefined && Number(length) === 0) return true;
  return mediaType(req) === 'application/json';
}

/** @throws ApiError 415 */
export function requireJsonType(req: IncomingMessage): void {
  if (isJsonType(req)) return;
  throw unsupportedContentType(req.headers['content-type'] ?? 'application/octet-stream', 'application/json');
}
