/**
 * The client of objects for actions: `palette-whisk/objects`. It is copied into the image of the Node.js runtime, so
 * the files of this folder must not import a package or the rest of the project. See docs/objects.md.
 *
 * @module palette-whisk/objects
 */
import type { ServerAddress } from './Connection.js';
import { Lock, type LockOptions } from './Lock.js';
import { Objects } from './Objects.js';
import { ObjectsError } from './ObjectsError.js';
import type {
  CallOptions,
  GetOptions,
  Listed,
  Persistence,
  PutOptions,
  PutResult,
  Versioned,
  WaitOptions,
  WriteOptions,
} from './options.js';

export { ObjectsError, Objects, Lock };
export type {
  CallOptions,
  GetOptions,
  Listed,
  LockOptions,
  Persistence,
  PutOptions,
  PutResult,
  ServerAddress,
  Versioned,
  WaitOptions,
  WriteOptions,
};

/**
 * Makes a client.
 * @param url `unix:PATH` or `http://HOST:PORT`, as in `__OW_OBJECTS_URL`.
 * @throws ObjectsError if the URL is not one of these.
 */
export function connect(url: string, token: string): Objects {
  return new Objects(addressOf(url), token);
}

function addressOf(url: string): ServerAddress {
  if (url.startsWith('unix:')) return { path: url.slice('unix:'.length) };
  const { protocol, hostname, port } = new URL(url);
  if (protocol !== 'http:') throw new ObjectsError(0, `Objects are reached by unix: or http:, not ${protocol}`);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? 80 : Number(port) };
}

let shared: { readonly client: Objects; readonly url: string; readonly token: string } | undefined;

/** The client for the environment of the action. */
function own(): Objects {
  const url = process.env['__OW_OBJECTS_URL'];
  const token = process.env['__OW_OBJECTS_TOKEN'];
  if (url === undefined || token === undefined) {
    throw new ObjectsError(0, 'There are no objects here: __OW_OBJECTS_URL and __OW_OBJECTS_TOKEN are not set.');
  }
  if (shared?.url !== url || shared.token !== token) shared = { client: connect(url, token), url, token };
  return shared.client;
}

/*
 * The functions use the environment of the action. See the methods of `Objects` for details.
 */

/** The value of an object; undefined if there is none and no `load`. */
export const get = async (color: string, key: string, options?: GetOptions): Promise<unknown> =>
  own().get(color, key, options);
/** An object with its tag and type; undefined if there is none. */
export const read = async (color: string, key: string, options?: CallOptions): Promise<Versioned | undefined> =>
  own().read(color, key, options);
/** Writes bytes, text, or a value as JSON. Resolves to the new tag, and whether there was no object before. */
export const put = async (color: string, key: string, value: unknown, options?: PutOptions): Promise<PutResult> =>
  own().put(color, key, value, options);
/** Waits until the object exists, or with `since`, until it is another version. Resolves to undefined if it is not. */
export const wait = async (color: string, key: string, options?: WaitOptions): Promise<Versioned | undefined> =>
  own().wait(color, key, options);
/** Waits until the object is gone. Resolves to whether it is. */
export const waitUntilGone = async (
  color: string,
  key: string,
  options?: Omit<WaitOptions, 'since'>,
): Promise<boolean> => own().waitUntilGone(color, key, options);
/** Adds to a number; a missing one counts as 0. Resolves to the sum. */
export const increment = async (color: string, key: string, by?: number, options?: WriteOptions): Promise<number> =>
  own().increment(color, key, by, options);
/** Appends bytes or text to an object. Resolves to its length in bytes. */
export const append = async (
  color: string,
  key: string,
  data: Uint8Array | string,
  options?: WriteOptions,
): Promise<number> => own().append(color, key, data, options);
/** The objects of a color whose keys begin with `prefix`, in the order of their keys. */
export const list = async (color: string, options?: CallOptions & { readonly prefix?: string }): Promise<Listed[]> =>
  own().list(color, options);
/** Removes an object. Resolves to whether there was one. */
const remove = async (
  color: string,
  key: string,
  options?: CallOptions & { readonly ifMatch?: string },
): Promise<boolean> => own().delete(color, key, options);
export { remove as delete };
/** Takes a lock. Resolves to undefined if another holder keeps it for the whole wait. */
export const lock = async (color: string, key: string, options?: LockOptions): Promise<Lock | undefined> =>
  own().lock(color, key, options);
