import type { IncomingMessage } from 'node:http';
import { TextDecoder } from 'node:util';
import type { Json } from '../../shared/entities/keyvalue.js';
import { ApiError, malformedContent, unsupportedContentType } from './ApiError.js';
import { explainDepth, explainJsonError } from './jsonSyntax.js';

/** The largest body of any request: an action with 48 MB of code, as base64 would be 64 MB, is refused as in OpenWhisk. */
export const MAX_BODY_BYTES = 50 * 1024 * 1024;

/**
 * Reads the body of a request that announced its length.
 * @throws ApiError 400 where the caller breaks off.
 */
export function readAnnounced(req: IncomingMessage): Promise<Buffer> {
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
  chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);

/** The media type of a request, lower case and without parameters; undefined where it has none. */
function mediaType(req: IncomingMessage): string | undefined {
  const header = req.headers['content-type'];
  if (header === undefined) return undefined;
  const semicolon = header.indexOf(';');
  return (semicolon < 0 ? header : header.slice(0, semicolon)).trim().toLowerCase();
}

export const utf8 = new TextDecoder('utf-8');

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
export function decoderOf(req: IncomingMessage): TextDecoder {
  const charset = CHARSET.exec(req.headers['content-type'] ?? '')?.[1]?.toLowerCase();
  if (charset === undefined || charset === 'utf-8' || charset === 'utf8') return utf8;
  try {
    return new TextDecoder(charset);
  } catch {
    return utf8;
  }
}

/** Whether a body may be read as JSON. One that comes without a type counts as bytes, as in OpenWhisk; none at all is fine. */
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
