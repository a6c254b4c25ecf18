import Negotiator from 'negotiator';
import type { ContentType } from './ContentType.js';

/**
 * Whether a caller accepts a response of this type, by the headers `Accept` and `Accept-Charset`. A missing or
 * malformed header accepts every type. The most specific matching range decides, so `q=0` refuses.
 */
export function isAcceptable(
  type: ContentType,
  accept: string | undefined,
  acceptCharset: string | undefined,
): boolean {
  return acceptsMediaType(type, accept) && acceptsCharset(type, acceptCharset);
}

const RANGE = /^\s*[^\s/;,]+\/[^\s/;,]+\s*(?:;|$)/;
const CHARSET = /;\s*charset\s*=\s*(?:"[^"]*"|[^\s;,]*)/gi;

function acceptsMediaType(type: ContentType, accept: string | undefined): boolean {
  if (accept === undefined) return true;
  const ranges = accept.split(',').filter((range) => range.trim() !== '');
  // Old clients send a lone `*`.
  const readable = ranges.map((range) => range.replace(/^\s*\*\s*(?=;|$)/, '*/*'));
  if (readable.length === 0 || !readable.every((range) => RANGE.test(range))) return true;
  // The header `Accept-Charset` decides on the charset.
  const header = readable.join(',').replaceAll(CHARSET, '');
  return new Negotiator({ headers: { accept: header } }).mediaType([type.mediaType]) !== undefined;
}

function acceptsCharset(type: ContentType, header: string | undefined): boolean {
  // A binary type has no charset, and a type with a variable charset is not refused for UTF-8.
  if (type.binary || (type.openCharset && type.charset === undefined)) return true;
  if (header === undefined || header.trim() === '') return true;
  const charsets = header.replaceAll(/\butf8\b/gi, 'utf-8');
  return new Negotiator({ headers: { 'accept-charset': charsets } }).charset(['utf-8']) !== undefined;
}
