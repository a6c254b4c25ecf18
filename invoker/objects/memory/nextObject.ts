import type { ObjectAddress } from '../../../shared/objects/objectPath.js';
import type { Persistence, WriteOptions } from '../../../shared/objects/ObjectRequest.js';
import { ObjectBytes } from './ObjectBytes.js';
import type { StoredObject } from './StoredObject.js';

/** The memory of an object in addition to its bytes: its place in maps and its properties. */
const OVERHEAD_BYTES = 1024;
export const DEFAULT_TYPE = 'application/octet-stream';
const TEXT_TYPE = 'text/plain';

/** The properties that an object may take from the object before. */
type Kept = Partial<Pick<StoredObject, 'contentType' | 'persistence' | 'expiresAt'>>;

/** The object after a change. Properties that the change does not name stay. */
export const changed = (
  bytes: ObjectBytes,
  type: string,
  { contentType, persistence, ttlMs }: WriteOptions,
  before: Kept | undefined,
  etag: string,
  now: number,
): StoredObject => ({
  bytes,
  contentType: contentType ?? before?.contentType ?? type,
  etag,
  persistence: persistenceAfter(persistence, before?.persistence),
  expiresAt: ttlMs === undefined ? before?.expiresAt : now + ttlMs,
});

/** The object after a write. It takes only the persistence from the object before. */
export const replaced = (
  bytes: ObjectBytes,
  options: WriteOptions,
  before: StoredObject | undefined,
  etag: string,
  now: number,
): StoredObject => changed(bytes, DEFAULT_TYPE, options, before && { persistence: before.persistence }, etag, now);

/** Like `changed`, for a number. */
export const counted = (
  sum: number,
  options: WriteOptions,
  before: StoredObject | undefined,
  etag: string,
  now: number,
): StoredObject => changed(ObjectBytes.ofText(String(sum)), TEXT_TYPE, options, before, etag, now);

/** The persistence of an object after a change. */
export const persistenceAfter = (named: Persistence | undefined, before: Persistence | undefined): Persistence =>
  named ?? before ?? 'memory';

/** The memory of an object whose bytes take `capacity`. Strings may take two bytes for each character. */
export const costOf = ({ color, key }: ObjectAddress, capacity: number): number =>
  capacity + 2 * (color.length + key.length) + OVERHEAD_BYTES;

/** Control characters are in neither color nor key, so no two places have the same name. */
export const placeOf = (uuid: string, { color, key }: ObjectAddress): string => `${uuid}\n${color}\n${key}`;
