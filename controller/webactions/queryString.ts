import { ApiError, badRequest } from '../http/ApiError.js';

/** One `key=value` of a query; `value` is undefined where there is no `=`. Decoded. */
export interface QueryPair {
  readonly key: string;
  readonly value: string | undefined;
}

/** Parameters of a query or a form; one MB of them could be half a million. */
const MAX_PAIRS = 20_000;

/**
 * Splits a query or a URL-encoded form. `+` is a space.
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

/** Of a key that is there twice the last value counts. */
export function queryParameters(pairs: readonly QueryPair[]): Record<string, string> {
  // Not by assignment: `__proto__` is a key like any other here.
  return Object.fromEntries(pairs.map(({ key, value }) => [key, value ?? '']));
}

const NOT_IN_QUERY = /[^A-Za-z0-9\-._~!$'()*,:@/?]/gu;
const NOT_IN_SEGMENT = /[^A-Za-z0-9\-._~!$&'()*+,;=:@]/gu;

/** The query written anew: only what has to be encoded is, a space as `+`. */
export function renderQuery(pairs: readonly QueryPair[]): string {
  return pairs
    .map(({ key, value }) => (value === undefined ? encodeQuery(key) : `${encodeQuery(key)}=${encodeQuery(value)}`))
    .join('&');
}

const encodeQuery = (text: string): string =>
  text.replaceAll(NOT_IN_QUERY, (c) => (c === ' ' ? '+' : percentEncode(c)));

/** A segment of a path written anew: only what has to be encoded is. */
export const encodeSegment = (text: string): string => text.replaceAll(NOT_IN_SEGMENT, percentEncode);

function percentEncode(char: string): string {
  let out = '';
  for (const byte of Buffer.from(char)) out += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  return out;
}

const MALFORMED = /%(?![0-9A-Fa-f]{2})/;

/**
 * Decodes `%XX`; bytes that are no UTF-8 become replacement characters.
 * @throws ApiError 400 for a `%` without two hexadecimal digits.
 */
export function percentDecode(text: string): string {
  if (!text.includes('%')) return text;
  if (MALFORMED.test(text)) throw badRequest('Illegal percent-encoding in the request.');
  return text.replaceAll(/(?:%[0-9A-Fa-f]{2})+/g, (run) =>
    Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'),
  );
}
