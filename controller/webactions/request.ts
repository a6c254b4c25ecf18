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

/** The ways in which an action's result becomes an HTTP response. */
export const EXTENSIONS = ['http', 'json', 'html', 'svg', 'text'] as const;
export type Extension = (typeof EXTENSIONS)[number];

/** What a path below `/web` asks for. */
export interface WebTarget {
  readonly namespace: string;
  /** Undefined for an action outside of any package, which is written `default`. */
  readonly package: string | undefined;
  readonly action: string;
  readonly extension: Extension;
  /** What is left of the path behind the action, encoded: empty, or beginning with a slash. */
  readonly path: string;
}

/** Parameters that tell an action of its request. Callers may not set them. */
export const RESERVED = ['method', 'headers', 'path', 'user', 'query', 'body'].map((field) => `__ow_${field}`);

/**
 * Reads the path below `/web` (encoded, with its leading slash), `/namespace/package/action.extension/...`.
 * @returns undefined where it names no action.
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

/** `name.json` → `name` and `json`; where there is no extension that we know it is `http`, and the name is left whole. */
export function splitExtension(name: string): { action: string; extension: Extension } {
  for (const extension of EXTENSIONS) {
    if (name.endsWith(`.${extension}`)) return { action: name.slice(0, -extension.length - 1), extension };
  }
  return { action: name, extension: 'http' };
}

/** An HTTP request, apart from its body, as a web action learns of it. */
export interface WebRequest {
  /** In capitals. */
  readonly method: string;
  /** Names and values in turns, as they came. */
  readonly rawHeaders: readonly string[];
  readonly path: string;
  /** Undecoded, without the question mark; undefined where there is none. */
  readonly query: string | undefined;
  /** The namespace of the caller, where it gave credentials that hold. */
  readonly user: string | undefined;
  /** Whether the action is not told the header `Authorization`: it carries the caller's API key. */
  readonly hideAuthorization?: boolean | undefined;
}

const OCTETS = contentType('application/octet-stream');

/** The type of a request's body; a body without one, or with one that cannot be read, counts as bytes. */
export function typeOfBody(header: string | undefined, hasBody: boolean): ContentType | undefined {
  const given = header === undefined ? undefined : parseContentType(header);
  return given ?? (hasBody ? OCTETS : undefined);
}

/**
 * The body as an action gets it: JSON and forms as values, unless the action takes its requests raw; other text as it
 * is, everything else as base64. Undefined where there is none.
 * @throws ApiError 400 for JSON or a form that cannot be read.
 */
export function bodyValue(bytes: Buffer, type: ContentType | undefined, raw: boolean): Json | undefined {
  if (!type) return undefined;
  if (!raw && isJsonFamily(type)) return bytes.length === 0 ? undefined : parseJson(bytes);
  if (!raw && type.mediaType === 'application/x-www-form-urlencoded') {
    return queryParameters(parseQuery(bytes.toString('utf8')));
  }
  // JSON is text, but a raw action has always got it as base64.
  if (type.binary || type.mediaType === 'application/json') return bytes.toString('base64');
  return bytes.toString('utf8');
}

/**
 * The parameters that a web action is invoked with: what it is told of the request, then the query, then the body. A
 * raw action gets query and body as they are, in `__ow_query` and `__ow_body`.
 * @param immutable the action's parameters that a caller may not change.
 * @throws ParametersNotAllowedError where query or body set a reserved or an immutable parameter.
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

/** The length and the framing of the body are the server's own business; its type is given as it was understood. */
const HIDDEN = new Set(['content-length', 'transfer-encoding', 'content-type', 'x-ow-extra-logging']);

function headersOf({ rawHeaders: raw, hideAuthorization }: WebRequest, type: ContentType | undefined): JsonObject {
  const entries: [string, string][] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = (raw[i] as string).toLowerCase();
    if (!HIDDEN.has(name) && !(hideAuthorization && name === 'authorization'))
      entries.push([name, raw[i + 1] as string]);
  }
  if (type) entries.push(['content-type', renderContentType(type)]);
  return Object.fromEntries(entries);
}
