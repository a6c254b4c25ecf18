import Negotiator from 'negotiator';
import type { ContentType } from './ContentType.js';

/**
 * Whether a caller takes an answer of this type, by its `Accept` and `Accept-Charset` headers. Without them, or where
 * they cannot be read, it takes anything. The most specific range that fits decides, so `q=0` refuses.
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
  // The charset is a matter of its own header.
  const header = readable.join(',').replaceAll(CHARSET, '');
  return new Negotiator({ headers: { accept: header } }).mediaType([type.mediaType]) !== undefined;
}

function acceptsCharset(type: ContentType, header: string | undefined): boolean {
  // Bytes have no charset, and a text that could come in any is not refused for ours.
  if (type.binary || (type.openCharset && type.charset === undefined)) return true;
  if (header === undefined || header.trim() === '') return true;
  const charsets = header.replaceAll(/\butf8\b/gi, 'utf-8');
  return new Negotiator({ headers: { 'accept-charset': charsets } }).charset(['utf-8']) !== undefined;
}
