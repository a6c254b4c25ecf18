import { ParametersNotAllowedError } from '../refusals/refusals.js';
import { parseJson } from '../http/body.js';
import { isObject, type Json, type JsonObject } from '../../shared/entities/keyvalue.js';
import { isEntityName } from '../../shared/entities/names.js';
import {
  contentType,
  isJsonFamily,
  parseContentType,
  renderContentType,
  type ContentType,
} from '../http/ContentType.js';
import {
  encodeSegment,
  parseQuery,
  percentDecode,
  queryParameters,
  renderQuery,
  type QueryPair,
} from './queryString.js';

/** The extensions of a web action's URL. Each is a way to turn a result into an HTTP response. */
export const EXTENSIONS = ['http', 'json', 'html', 'svg', 'text'] as const;
export type Extension = (typeof EXTENSIONS)[number];

/** The parts of a path below `/web`. */
export interface WebTarget {
  readonly namespace: string;
  /** Undefined for the default package, which the path writes as `default`. */
  readonly package: string | undefined;
  readonly action: string;
  readonly extension: Extension;
  /** The encoded rest of the path after the action: empty, or with a leading slash. */
  readonly path: string;
}

/** Parameters that describe the request to the action. Callers may not set them. */
export const RESERVED = ['method', 'headers', 'path', 'user', 'query', 'body'].map((field) => `__ow_${field}`);

/**
 * Parses an encoded path below `/web`, with its leading slash: `/namespace/package/action.extension/...`.
 * @returns undefined if it does not name an action.
 * @throws ApiError 400 for a malformed percent-encoding.
 */
export function parseTarget(path: string): WebTarget | undefined {
  const [empty, ...segments] = path.split('/').map(percentDecode);
  const [namespace = '', pkg = '', name = ''] = segments;
  if (empty !== '' || ![namespace, pkg, name].every(isEntityName)) return undefined;
  const { action, extension } = splitExtension(name);
  return {
    namespace,
    package: pkg === 'default' ? undefined : pkg,
    action,
    extension,
    path: segments
      .slice(3)
      .map((segment) => `/${encodeSegment(segment)}`)
      .join(''),
  };
}

/** Splits `name.json` into `name` and `json`. Without a known extension it returns the whole name and `http`. */
export function splitExtension(name: string): { action: string; extension: Extension } {
  for (const extension of EXTENSIONS) {
    if (name.endsWith(`.${extension}`)) return { action: name.slice(0, -extension.length - 1), extension };
  }
  return { action: name, extension: 'http' };
}

/** The HTTP request for a web action, without its body. */
export interface WebRequest {
  /** In upper case. */
  readonly method: string;
  /** Names and values in turns, in the order of the request. */
  readonly rawHeaders: readonly string[];
  readonly path: string;
  /** Encoded, without the question mark; undefined without a query. */
  readonly query: string | undefined;
  /** The caller's namespace; undefined without valid credentials. */
  readonly user: string | undefined;
  /** Whether to remove the header `Authorization`, which contains the caller's API key. */
  readonly hideAuthorization?: boolean | undefined;
}

const OCTETS = contentType('application/octet-stream');

/** The type of a request's body. A body with a missing or malformed type is binary. */
export function typeOfBody(header: string | undefined, hasBody: boolean): ContentType | undefined {
  const given = header === undefined ? undefined : parseContentType(header);
  return given ?? (hasBody ? OCTETS : undefined);
}

/**
 * The body for the action: JSON and forms as values, unless the action is raw; other text as a string, everything else
 * as base64. Undefined without a body.
 * @throws ApiError 400 for malformed JSON or a malformed form.
 */
export function bodyValue(bytes: Buffer, type: ContentType | undefined, raw: boolean): Json | undefined {
  if (!type) return undefined;
  if (!raw && isJsonFamily(type)) return bytes.length === 0 ? undefined : parseJson(bytes);
  if (!raw && type.mediaType === 'application/x-www-form-urlencoded') {
    return queryParameters(parseQuery(bytes.toString('utf8')));
  }
  // JSON is text, but raw actions get it as base64, as in OpenWhisk.
  if (type.binary || type.mediaType === 'application/json') return bytes.toString('base64');
  return bytes.toString('utf8');
}

/**
 * The arguments of a web action: the description of the request, then the query, then the body. A raw action gets query
 * and body unparsed, in `__ow_query` and `__ow_body`.
 * @param immutable the action's parameters that a caller may not change.
 * @throws ParametersNotAllowedError if query or body set a reserved or an immutable parameter.
 */
export function actionArguments(
  request: WebRequest,
  type: ContentType | undefined,
  body: Json | undefined,
  options: { readonly raw: boolean; readonly immutable: ReadonlySet<string> },
): JsonObject {
  const pairs = parseQuery(request.query ?? '');
  const context = contextOf(request, type);
  if (options.raw) return { ...context, __ow_query: renderQuery(pairs), __ow_body: body ?? '' };
  const given = { ...queryParameters(pairs), ...(isObject(body) ? body : {}) };
  refuseOverrides(pairs, body, options.immutable);
  return { ...context, ...given, ...(body === undefined || isObject(body) ? {} : { __ow_body: body }) };
}

function refuseOverrides(pairs: readonly QueryPair[], body: Json | undefined, immutable: ReadonlySet<string>): void {
  const forbidden = (name: string): boolean => RESERVED.includes(name) || immutable.has(name);
  if (pairs.some(({ key }) => forbidden(key)) || (isObject(body) && Object.keys(body).some(forbidden))) {
    throw new ParametersNotAllowedError();
  }
}

function contextOf(request: WebRequest, type: ContentType | undefined): JsonObject {
  return {
    __ow_method: request.method.toLowerCase(),
    __ow_headers: headersOf(request, type),
    __ow_path: request.path,
    ...(request.user === undefined ? {} : { __ow_user: request.user }),
  };
}

/**
 * Request headers that are not passed on: the framing belongs to the server, and the parsed content type is added
 * below.
 */
const HIDDEN = new Set(['content-length', 'transfer-encoding', 'content-type', 'x-ow-extra-logging']);

function headersOf({ rawHeaders: raw, hideAuthorization }: WebRequest, type: ContentType | undefined): JsonObject {
  const entries: [string, string][] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = (raw[i] ?? '').toLowerCase();
    if (!HIDDEN.has(name) && !(hideAuthorization && name === 'authorization')) entries.push([name, raw[i + 1] ?? '']);
  }
  if (type) entries.push(['content-type', renderContentType(type)]);
  return Object.fromEntries(entries);
}
