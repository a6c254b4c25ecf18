import { ApiError, badRequest } from '../http/ApiError.js';

/** One decoded `key=value` of a query; `value` is undefined without `=`. */
export interface QueryPair {
  readonly key: string;
  readonly value: string | undefined;
}

/** The most parameters of a query or a form. Without the bound, 1 MB could contain half a million. */
const MAX_PAIRS = 20_000;

/**
 * Parses a query or a URL-encoded form. `+` is a space.
 * @throws ApiError 400 for a `%` without two hexadecimal digits, 413 for too many parameters.
 */
export function parseQuery(text: string): QueryPair[] {
  if (text === '') return [];
  let pairs = 1;
  for (let at = text.indexOf('&'); at >= 0; at = text.indexOf('&', at + 1)) pairs++;
  if (pairs > MAX_PAIRS) throw new ApiError(413, `Parameters more than allowed: ${pairs} > ${MAX_PAIRS}.`);
  return text.split('&').map((part) => {
    const equals = part.indexOf('=');
    return equals < 0
      ? { key: decode(part), value: undefined }
      : { key: decode(part.slice(0, equals)), value: decode(part.slice(equals + 1)) };
  });
}

const decode = (text: string): string => percentDecode(text.includes('+') ? text.replaceAll('+', ' ') : text);

/** The parameters of a query. Of a repeated key the last value counts. */
export function queryParameters(pairs: readonly QueryPair[]): Record<string, string> {
  // Do not assign: `__proto__` must become a plain key.
  return Object.fromEntries(pairs.map(({ key, value }) => [key, value ?? '']));
}

const NOT_IN_QUERY = /[^A-Za-z0-9\-._~!$'()*,:@/?]/gu;
const NOT_IN_SEGMENT = /[^A-Za-z0-9\-._~!$&'()*+,;=:@]/gu;

/** Formats a query. Encodes only the characters that need it, and a space as `+`. */
export function renderQuery(pairs: readonly QueryPair[]): string {
  return pairs
    .map(({ key, value }) => (value === undefined ? encodeQuery(key) : `${encodeQuery(key)}=${encodeQuery(value)}`))
    .join('&');
}

const encodeQuery = (text: string): string =>
  text.replaceAll(NOT_IN_QUERY, (c) => (c === ' ' ? '+' : percentEncode(c)));

/** Formats a segment of a path. Encodes only the characters that need it. */
export const encodeSegment = (text: string): string => text.replaceAll(NOT_IN_SEGMENT, percentEncode);

function percentEncode(char: string): string {
  let out = '';
  for (const byte of Buffer.from(char)) out += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  return out;
}

const MALFORMED = /%(?![0-9A-Fa-f]{2})/;

/**
 * Decodes `%XX`. Invalid UTF-8 becomes replacement characters.
 * @throws ApiError 400 for a `%` without two hexadecimal digits.
 */
export function percentDecode(text: string): string {
  if (!text.includes('%')) return text;
  if (MALFORMED.test(text)) throw badRequest('Illegal percent-encoding in the request.');
  return text.replaceAll(/(?:%[0-9A-Fa-f]{2})+/g, (run) =>
    Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'),
  );
}
