import { badRequest, notFound, type ApiError } from '../http/ApiError.js';
import { StatusCode } from '../../shared/entities/activation.js';
import { isObject, type Json } from '../../shared/entities/keyvalue.js';
import { contentType, inUtf8, isJsonFamily, parseContentType, type ContentType } from '../http/ContentType.js';
import { decodeBase64, looksLikeBase64 } from './base64.js';
import { indentedJson, prettyJson } from './prettyJson.js';
import type { Extension } from './request.js';

/** The HTTP response of an action. */
export interface WebResponse {
  readonly status: number;
  /** Names and values; a repeated name is sent repeatedly. Without the content type and the length. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Undefined without a body. */
  readonly body: { readonly type: ContentType; readonly content: string | Buffer } | undefined;
}

const HTML = contentType('text/html; charset=UTF-8');
const SVG = contentType('image/svg+xml');
/** The type of text. It has no charset here, since the response always uses UTF-8. */
const TEXT = contentType('text/plain');
const JSON_TYPE = contentType('application/json');

/**
 * The part of an activation's response that the caller gets: the result, or the field `error` of an application error.
 * @throws ApiError 400 if the action failed in another way; 404 if `error` is missing.
 */
export function projection(statusCode: StatusCode, result: Json | undefined): Json {
  const value = result ?? {};
  if (statusCode === StatusCode.success) return value;
  if (statusCode !== StatusCode.applicationError) throw badRequest('There was an error processing your request.');
  const error = isObject(value) ? value['error'] : undefined;
  if (error === undefined) throw propertyNotFound();
  return error;
}

/**
 * Turns an action's result into the response for the extension.
 * @throws ApiError 400 if the result does not fit the extension; 404 if `.text` finds no text.
 */
export function webResponse(result: Json, extension: Extension): WebResponse {
  return BY_EXTENSION[extension](result);
}

const BY_EXTENSION: Readonly<Record<Extension, (result: Json) => WebResponse>> = {
  http: httpResponse,
  json(result) {
    if (result === null || typeof result !== 'object') throw invalid('application/json');
    return ok(JSON_TYPE, indentedJson(result));
  },
  html: (result) => ok(HTML, requireText(property(result, 'html'), 'text/html')),
  svg: (result) => ok(SVG, Buffer.from(requireText(property(result, 'svg'), 'image/svg+xml'))),
  text(result) {
    const text = property(result, 'text');
    if (text === undefined) throw propertyNotFound();
    return ok(TEXT, typeof text === 'string' ? text : prettyJson(text));
  },
};

const propertyNotFound = (): ApiError => notFound('Response does not include requested property.');
const invalid = (mediaType: string): ApiError => badRequest(`Response is not valid '${mediaType}'.`);
const typeMismatch = (): ApiError => badRequest('Response type in header did not match generated content type.');

const ok = (type: ContentType, content: string | Buffer): WebResponse => ({
  status: 200,
  headers: [],
  body: { type, content },
});

/** The field `body`, or the field with the name of the extension; a result that is not an object is used as a whole. */
function property(result: Json, name: string): Json | undefined {
  if (!isObject(result)) return result;
  return result['body'] === undefined ? result[name] : result['body'];
}

function requireText(value: Json | undefined, mediaType: string): string {
  if (typeof value !== 'string') throw invalid(mediaType);
  return value;
}

/** The response for `{ statusCode, headers, body }`, all optional. */
function httpResponse(result: Json): WebResponse {
  if (!isObject(result)) throw invalid('message/http');
  const headers = headersOf(result['headers']);
  const declared = headers.find(([name]) => isContentType(name))?.[1];
  const others = headers.filter(([name]) => !isContentType(name) && !isSetByServer(name));
  const status = statusOf(result['statusCode']);
  const body = result['body'];
  if (body === undefined || body === null || body === '') {
    return { status: status ?? 204, headers: others, body: undefined };
  }
  const content = typeof body === 'string' ? textBody(body, declared) : jsonBody(body, declared);
  return { status: status ?? 200, headers: others, body: allowsBody(status ?? 200) ? content : undefined };
}

const isContentType = (name: string): boolean => name.toLowerCase() === 'content-type';

/**
 * Headers that an action cannot set. They describe the connection and the framing (RFC 9110 7.6.1), which belong to the
 * server; `expect` and `te` belong to requests. For some of them Node throws or sends the headers too early.
 */
const SET_BY_SERVER: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'date',
  'expect',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'server',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

const isSetByServer = (name: string): boolean => SET_BY_SERVER.has(name.toLowerCase());

const allowsBody = (status: number): boolean => status !== 204 && status !== 205 && status !== 304;

/**
 * Reads a status: an integer or digits. A status below 200 is invalid, since the caller would wait for the real
 * response.
 */
function statusOf(value: Json | undefined): number | undefined {
  if (value === undefined) return undefined;
  const status =
    typeof value === 'number' ? value : typeof value === 'string' && /^\+?\d{1,9}$/.test(value) ? Number(value) : 0;
  if (!Number.isInteger(status) || status < 200 || status > 599) throw invalid('message/http');
  return status;
}

/**
 * The most bytes of names and values in a response's headers. Few clients and proxies read more: curl's limit is 300
 * KB, the default of Node's client is 16 KB.
 */
const MAX_HEADER_BYTES = 64 * 1024;

function headersOf(value: Json | undefined): [string, string][] {
  if (value === undefined) return [];
  if (!isObject(value)) throw invalid('message/http');
  const list = new HeaderList();
  for (const [name, header] of Object.entries(value)) list.add(name, header);
  return list.entries;
}

/** A header's name: a token (RFC 9110 5.6.2). */
export const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
// oxlint-disable-next-line no-control-regex
const NOT_IN_HEADER = /[\0-\x08\x0a-\x1f\x7f]/;
// oxlint-disable-next-line no-control-regex
const BEYOND_ASCII = /[^\0-\x7f]/;

/** The headers of a response. Throws at the first invalid header, and if the headers are too large. */
class HeaderList {
  readonly entries: [name: string, value: string][] = [];
  #bytes = 0;

  add(name: string, value: Json): void {
    if (Array.isArray(value)) {
      for (const item of value) this.add(name, item);
      return;
    }
    if (value === null || typeof value === 'object') throw invalid('message/http');
    const text = headerValue(String(value));
    // A line break in a header would let the caller's input inject headers or a body.
    if (!HEADER_NAME.test(name) || text === undefined) throw invalid('message/http');
    this.#bytes += name.length + text.length;
    if (this.#bytes > MAX_HEADER_BYTES) throw invalid('message/http');
    this.entries.push([name, text]);
  }
}

/** The value in UTF-8, with one character for each byte, since Node writes headers as Latin-1. */
function headerValue(text: string): string | undefined {
  if (text.length > MAX_HEADER_BYTES || NOT_IN_HEADER.test(text)) return undefined;
  return BEYOND_ASCII.test(text) ? Buffer.from(text).toString('latin1') : text;
}

function declaredType(declared: string | undefined, fallback: ContentType): ContentType | undefined {
  return declared === undefined ? fallback : parseContentType(declared);
}

/** The body for a JSON value that is not a string. */
function jsonBody(body: Json, declared: string | undefined): WebResponse['body'] {
  const type = declaredType(declared, JSON_TYPE);
  if (!type || !isJsonFamily(type)) throw typeMismatch();
  if (type.mediaType === 'application/json') {
    return { type: JSON_TYPE, content: indentedJson(body) };
  }
  return { type: contentType(type.essence), content: prettyJson(body) };
}

/** The body for a string: text, or base64 if the declared type is binary. */
function textBody(body: string, declared: string | undefined): WebResponse['body'] {
  const type = declaredType(declared, HTML);
  if (!type) throw badRequest('Response did not specify a known content-type.');
  // As in OpenWhisk, actions may send JSON as base64, too.
  if (!type.binary && !(isJsonFamily(type) && looksLikeBase64(body))) return { type: inUtf8(type), content: body };
  const bytes = decodeBase64(body);
  if (!bytes) throw typeMismatch();
  return { type, content: bytes };
}
