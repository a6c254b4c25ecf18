import type { IncomingMessage } from 'node:http';
import type { Limits } from '../../shared/config/limits.js';
import { malformedQuery } from './ApiError.js';

const NONE = new URLSearchParams();

/** The query of a request. Of a repeated parameter the first value counts. */
export function queryOf(req: IncomingMessage): URLSearchParams {
  const url = req.url ?? '';
  const mark = url.indexOf('?');
  return mark < 0 ? NONE : new URLSearchParams(url.slice(mark + 1));
}

/**
 * Reads a Boolean: `1`, `yes` and `on` count as true, their opposites as false.
 * @throws ApiError 400 for other values.
 */
export function booleanParameter(query: URLSearchParams, name: string, fallback: boolean): boolean {
  const value = query.get(name);
  if (value === null) return fallback;
  switch (value.toLowerCase()) {
    case 'true':
    case 'yes':
    case 'on':
    case '1':
      return true;
    case 'false':
    case 'no':
    case 'off':
    case '0':
      return false;
    default:
      if (value === '') return fallback;
      throw malformedQuery(name, `'${value}' is not a valid Boolean value`);
  }
}

/** Reads `limit` of a list: 0 means the maximum. @throws ApiError 400 */
export function listLimit(query: URLSearchParams, collection: string, limits: Limits): number {
  const value = query.get('limit');
  if (value === null) return limits.defaultListLimit;
  const n = integer('limit', value, collection);
  if (n === 0) return limits.maxListLimit;
  if (n > 0 && n <= limits.maxListLimit) return n;
  throw malformedQuery(
    'limit',
    `The value '${n}' is not in the range of 0 to ${limits.maxListLimit} for ${collection}.`,
  );
}

/** Reads `skip` of a list. @throws ApiError 400 */
export function listSkip(query: URLSearchParams, collection: string): number {
  const value = query.get('skip');
  if (value === null) return 0;
  const n = integer('skip', value, collection);
  if (n >= 0) return n;
  throw malformedQuery('skip', `The value '${n}' is not greater than or equal to 0 for ${collection}.`);
}

/** Reads a 32-bit integer, as OpenWhisk does. */
function integer(parameter: string, value: string, collection: string): number {
  const n = /^[+-]?\d{1,10}$/.test(value) ? Number(value) : Number.NaN;
  if (n >= -0x8000_0000 && n <= 0x7fff_ffff) return n === 0 ? 0 : n;
  throw malformedQuery(parameter, `The value '${value}' is not an integer for ${collection}.`);
}
