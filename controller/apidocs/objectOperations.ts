import * as z from 'zod';
import * as schemas from './schemas.js';
import type { Method, Operation, ResponseDescription } from './Operation.js';

const PATH = '/namespaces/{namespace}/objects/{color}/{key}';
const POLICY = { 'X-OpenWhisk-Color-Policy': 'The policy that chooses the home of the color, as for invocations.' };
const CONDITIONS = {
  'If-Match': 'Change the object only if it has this tag; `*`: only if it exists.',
  'If-None-Match': 'With `*`: write the object only if it does not exist.',
};
const WRITE = {
  ...CONDITIONS,
  'X-Palette-Persistence': '`memory` (default), `replicated` or `stored`.',
  'X-Palette-TTL': 'The seconds after which the object is removed.',
  ...POLICY,
};

const refused = (description: string): ResponseDescription => ({ description, body: schemas.errorBody });
const NOT_FOUND = { 404: refused('The object does not exist.') };
const CHANGED = {
  412: refused('The condition of the request does not hold.'),
  502: refused('The home of the color, or the store, did not confirm the change: the object may have changed or not.'),
};
const COMMON = {
  400: refused('The request is malformed.'),
  401: refused('The credentials are missing or invalid.'),
  403: refused('The caller is not authorized.'),
  503: refused('The home of the color is away or has no memory: try again after `Retry-After` seconds.'),
};
const FULL = {
  413: refused('The object is larger than 64 MB.'),
  429: refused('The namespace exceeds its limit on the memory of objects.'),
};

/** The operations on objects. Their bodies are bytes of any type, which the document does not describe further. */
export function objectOperations(): Operation[] {
  const on = (method: Method, id: string, summary: string, rest: Partial<Operation>): Operation => ({
    method,
    path: PATH,
    id,
    tag: 'objects',
    summary,
    headers: POLICY,
    answers: COMMON,
    ...rest,
  });
  const read = {
    query: z.object({
      wait: z.string().optional().describe('How long to wait for the object or for another tag, such as `10s`.'),
    }),
    headers: { 'If-None-Match': 'The tags that the caller knows.', ...POLICY },
    answers: {
      200: { description: 'The bytes of the object, with `Content-Type` and `ETag`.' },
      304: { description: 'The caller knows the tag of the object.' },
      ...NOT_FOUND,
      ...COMMON,
    },
  };
  return [
    {
      ...on('get', 'list-objects', 'Lists the objects of a color in the order of their keys.', {
        query: z.object({
          prefix: z.string().optional().describe('Only keys that begin with this text.'),
          after: z.string().optional().describe('Only keys after this one.'),
          limit: z.int().min(1).max(1000).default(1000),
        }),
        answers: { 200: { description: 'Keys with size, type and tag.' }, ...COMMON },
      }),
      path: '/namespaces/{namespace}/objects/{color}',
    },
    on('get', 'get-object', 'Returns an object. Waits for it with `wait`.', read),
    on('head', 'get-object-headers', 'Returns the headers of an object.', read),
    on('put', 'put-object', 'Writes an object of any type.', {
      headers: WRITE,
      answers: {
        200: { description: 'The object is replaced.' },
        201: { description: 'The object is new.' },
        ...CHANGED,
        ...FULL,
        ...COMMON,
      },
    }),
    on(
      'post',
      'change-object',
      'Adds to a number, or appends the body, at the place where the object is. Also as `…/{key}/increment` and `…/{key}/append` without a query.',
      {
        query: z.object({
          increment: z.string().optional().describe('The number to add, 1 if it is empty.'),
          append: z.string().optional().describe('Without a value: append the body.'),
        }),
        headers: WRITE,
        answers: { 200: { description: 'The sum, or the new size.' }, ...CHANGED, ...FULL, ...COMMON },
      },
    ),
    on('delete', 'delete-object', 'Removes an object.', {
      headers: { 'If-Match': CONDITIONS['If-Match'], ...POLICY },
      answers: { 204: { description: 'The object is removed.' }, ...NOT_FOUND, ...CHANGED, ...COMMON },
    }),
  ];
}
