import type { IncomingHttpHeaders } from 'node:http';
import { MAX_LIST, MAX_TTL_MS, MAX_TYPE_LENGTH, MAX_WAIT_MS } from './bounds.js';
import { ObjectError } from './ObjectError.js';
import { parseObjectPath } from './objectPath.js';
import {
  PERSISTENCE_HEADER,
  PERSISTENCES,
  POLICY_HEADER,
  TTL_HEADER,
  type Condition,
  type KnownTags,
  type ObjectRequest,
  type Persistence,
  type WriteOptions,
} from './ObjectRequest.js';

/**
 * Parses a request for objects.
 * @param url the path from the color on, with the query: `/{color}/{key}?…`.
 * @throws ObjectError 400 or 405, with the fault in words
 */
export function parseObjectRequest(method: string, url: string, headers: IncomingHttpHeaders): ObjectRequest {
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  const { color, key } = parseObjectPath(path);
  const query = mark < 0 ? NONE : queryOf(url.slice(mark + 1));
  const policy = one(headers[POLICY_HEADER]);
  if (key === undefined) {
    if (method !== 'GET') throw new ObjectError(405, LISTS_ONLY, { allow: 'GET' });
    allow(query, ['prefix', 'after', 'limit']);
    const limit = query.has('limit') ? listLimit(query.get('limit') ?? '') : MAX_LIST;
    return { kind: 'list', color, policy, prefix: query.get('prefix') ?? '', after: query.get('after'), limit };
  }
  const address = { color, key };
  switch (method) {
    case 'GET':
    case 'HEAD': {
      allow(query, ['wait']);
      const wait = query.get('wait');
      return {
        kind: 'get',
        head: method === 'HEAD',
        address,
        policy,
        known: knownTags(headers['if-none-match']),
        waitMs: wait === undefined ? 0 : waitMs(wait),
      };
    }
    case 'PUT':
      allow(query, []);
      return { kind: 'put', address, policy, ...writeOptions(headers) };
    case 'POST':
      return query.size === 0 ? changeByPath(path, policy, headers) : change(address, policy, query, headers);
    case 'DELETE':
      allow(query, []);
      return { kind: 'delete', address, policy, condition: condition(headers) };
    default:
      throw new ObjectError(405, `Objects take GET, HEAD, PUT, POST and DELETE, not ${method.slice(0, 20)}.`, {
        allow: 'GET, HEAD, PUT, POST, DELETE',
      });
  }
}

/** Why the path of a color takes GET alone. */
export const LISTS_ONLY = 'The path /{color} is for lists: it takes GET only.';

const CHANGES = /^(.+)\/(increment|append)$/;

/** A change whose path ends with its name: `/{color}/{key}/increment` or `/{color}/{key}/append`. */
function changeByPath(path: string, policy: string | undefined, headers: IncomingHttpHeaders): ObjectRequest {
  const [, object = '', name] = CHANGES.exec(path) ?? [];
  const { color, key } = name === undefined ? NO_OBJECT : parseObjectPath(object);
  if (key === undefined) throw new ObjectError(400, POST_FORMS);
  const address = { color, key };
  const options = changeOptions(name, headers);
  if (name === 'append') return { kind: 'append', address, policy, ...options };
  return { kind: 'increment', address, policy, by: undefined, ...options };
}

const NO_OBJECT = { color: '', key: undefined };
const POST_FORMS = 'POST takes ?increment=NUMBER or ?append, or a path that ends with /increment or /append.';

function change(
  address: { color: string; key: string },
  policy: string | undefined,
  query: Query,
  headers: IncomingHttpHeaders,
): ObjectRequest {
  allow(query, ['increment', 'append']);
  const by = query.get('increment');
  const append = query.get('append');
  const options = changeOptions(by === undefined ? 'append' : 'increment', headers);
  if ((by === undefined) === (append === undefined)) {
    throw new ObjectError(400, POST_FORMS);
  }
  if (by === undefined) {
    if (append !== '') throw new ObjectError(400, '?append takes no value: the body is appended.');
    return { kind: 'append', address, policy, ...options };
  }
  const number = parseNumber(by === '' ? '1' : by);
  if (number === undefined) throw new ObjectError(400, '?increment takes a decimal number, such as 1, -2 or 0.5.');
  return { kind: 'increment', address, policy, by: number, ...options };
}

/** The text of numbers of at most 32 characters, as in JSON. */
const NUMBER = /^-?\d{1,24}(?:\.\d{1,24})?(?:e[+-]?\d{1,3})?$/i;
const MAX_NUMBER_LENGTH = 32;

/** Parses a decimal number; undefined if the text is not a finite one. */
export function parseNumber(text: string): number | undefined {
  if (text.length > MAX_NUMBER_LENGTH || !NUMBER.test(text)) return undefined;
  const number = Number(text);
  return Number.isFinite(number) ? number : undefined;
}

function writeOptions(headers: IncomingHttpHeaders): WriteOptions {
  return {
    condition: condition(headers),
    persistence: persistence(one(headers[PERSISTENCE_HEADER])),
    ttlMs: ttlMs(one(headers[TTL_HEADER])),
    contentType: contentType(headers['content-type']),
  };
}

/** The type that curl and others send with each body, if the caller names none. */
const UNNAMED_TYPE = 'application/x-www-form-urlencoded';

/** A change keeps the type of the object, unless the caller of an append names another one. */
function changeOptions(name: string | undefined, headers: IncomingHttpHeaders): WriteOptions {
  const options = writeOptions(headers);
  const isNamed = name === 'append' && options.contentType !== UNNAMED_TYPE;
  return isNamed ? options : { ...options, contentType: undefined };
}

function condition(headers: IncomingHttpHeaders): Condition | undefined {
  const match = headers['if-match'];
  const noneMatch = headers['if-none-match'];
  if (match !== undefined && noneMatch !== undefined) {
    throw new ObjectError(400, 'A request takes If-Match or If-None-Match, not both.');
  }
  if (noneMatch !== undefined) {
    if (noneMatch.trim() !== '*') throw new ObjectError(400, 'A change takes only `*` in If-None-Match.');
    return { kind: 'absent' };
  }
  if (match === undefined) return undefined;
  if (match.trim() === '*') return { kind: 'present' };
  return { kind: 'tags', tags: tags('If-Match', match) };
}

function knownTags(header: string | undefined): KnownTags | undefined {
  if (header === undefined) return undefined;
  return header.trim() === '*' ? 'any' : tags('If-None-Match', header);
}

const TAG_LIST = /^\s*(?:W\/)?"[\u0021\u0023-\u007e]{0,128}"(?:\s*,\s*(?:W\/)?"[\u0021\u0023-\u007e]{0,128}")*\s*$/;
const TAG = /"[^"]*"/g;

/** The tags of a list, each with its quotes. */
function tags(name: string, header: string): string[] {
  if (!TAG_LIST.test(header)) throw new ObjectError(400, `${name} takes \`*\`, or tags in double quotes.`);
  return header.match(TAG) ?? [];
}

function persistence(text: string | undefined): Persistence | undefined {
  if (text === undefined) return undefined;
  const found = PERSISTENCES.find((name) => name === text.trim().toLowerCase());
  if (!found) throw new ObjectError(400, `X-Palette-Persistence takes ${PERSISTENCES.join(', ')}.`);
  return found;
}

function ttlMs(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = /^\d{1,9}(?:\.\d{1,3})?$/.test(text.trim()) ? Math.round(Number(text) * 1000) : NaN;
  if (!(ms > 0 && ms <= MAX_TTL_MS)) {
    throw new ObjectError(400, `X-Palette-TTL takes seconds above 0, up to ${MAX_TTL_MS / 1000}.`);
  }
  return ms;
}

function contentType(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  if (text.length > MAX_TYPE_LENGTH || !/^[\u0020-\u007e]+$/.test(text)) {
    throw new ObjectError(400, `Content-Type takes at most ${MAX_TYPE_LENGTH} ASCII characters.`);
  }
  return text;
}

function waitMs(text: string): number {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s)?$/.exec(text);
  const ms = match ? Math.round(Number(match[1]) * (match[2] === 'ms' ? 1 : 1000)) : NaN;
  if (ms >= 0 && ms <= MAX_WAIT_MS) return ms;
  throw new ObjectError(400, `?wait takes a time such as 10s or 500ms, up to ${MAX_WAIT_MS / 1000}s.`);
}

function listLimit(text: string): number {
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : NaN;
  if (limit >= 1 && limit <= MAX_LIST) return limit;
  throw new ObjectError(400, `?limit takes a whole number from 1 to ${MAX_LIST}.`);
}

type Query = ReadonlyMap<string, string>;
const NONE: Query = new Map();

/** The fields of a query. Each may occur once. */
function queryOf(text: string): Query {
  const fields = new Map<string, string>();
  for (const part of text.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const [name, value] = equals < 0 ? [part, ''] : [part.slice(0, equals), part.slice(equals + 1)];
    if (fields.has(name)) throw new ObjectError(400, `The query has ?${name.slice(0, 50)} twice.`);
    try {
      fields.set(name, decodeURIComponent(value.replaceAll('+', ' ')));
    } catch (cause) {
      throw new ObjectError(400, 'The query must be percent-encoded UTF-8.', { cause });
    }
  }
  return fields;
}

function allow(query: Query, names: readonly string[]): void {
  for (const name of query.keys()) {
    if (names.includes(name)) continue;
    const known = names.length === 0 ? 'none' : names.map((each) => `?${each}`).join(', ');
    throw new ObjectError(400, `The query has an unknown field ?${name.slice(0, 50)}; this request takes ${known}.`);
  }
}

const one = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value);
