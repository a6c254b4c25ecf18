import type { IncomingHttpHeaders } from 'node:http';

/** The headers of a request for an object that pass to its home. */
export const OBJECT_REQUEST_HEADERS = [
  'content-type',
  'content-length',
  'if-match',
  'if-none-match',
  'x-openwhisk-color-policy',
  'x-palette-persistence',
  'x-palette-ttl',
];

/** The headers of the response that pass back. */
export const OBJECT_RESPONSE_HEADERS = [
  'content-type',
  'content-length',
  'etag',
  'last-modified',
  'retry-after',
  'x-palette-persistence',
  'x-palette-ttl',
];

/** The headers with these names. */
export function passedHeaders(
  headers: IncomingHttpHeaders,
  names: readonly string[],
): Record<string, string | string[]> {
  const kept: Record<string, string | string[]> = {};
  for (const name of names) {
    const value = headers[name];
    if (value !== undefined) kept[name] = value;
  }
  return kept;
}
