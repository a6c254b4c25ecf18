import { ObjectBytes } from '../../../../../invoker/objects/memory/ObjectBytes.js';
import { ObjectMemory } from '../../../../../invoker/objects/memory/ObjectMemory.js';
import type { StoredObject } from '../../../../../invoker/objects/memory/StoredObject.js';
import { ObjectError } from '../../../../../shared/objects/ObjectError.js';
import type { ObjectAddress } from '../../../../../shared/objects/objectPath.js';
import type { WriteOptions } from '../../../../../shared/objects/ObjectRequest.js';
import type { ObjectNamespace } from '../../../../../shared/objects/ObjectToken.js';

export const KB = 1024;
export const MB = 1024 * KB;
/** The counted memory of an object with a color and a key of one character each. */
export const COST = 1024 + 4;

export const namespace = (name: string, limitBytes?: number): ObjectNamespace => ({
  uuid: `uuid-${name}`,
  name,
  limitBytes,
});
export const A = namespace('a');
export const B = namespace('b');
export const at = (key: string, color = 'c'): ObjectAddress => ({ color, key });

export const PLAIN: WriteOptions = {
  condition: undefined,
  persistence: undefined,
  ttlMs: undefined,
  contentType: undefined,
};

export const newMemory = (
  boundBytes = MB,
  more: { maxObjects?: number; maxKeysPerColor?: number } = {},
): ObjectMemory => new ObjectMemory({ epoch: 'e', boundBytes, ...more });

/** Writes an object. */
export function put(
  memory: ObjectMemory,
  owner: ObjectNamespace,
  key: string,
  bytes: number | string,
  now = 0,
  options: Partial<WriteOptions> = {},
  color = 'c',
): { readonly object: StoredObject; readonly created: boolean } {
  const buffer = typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.alloc(bytes);
  const address = at(key, color);
  const reservation = memory.reserve(owner, address, buffer.length, now);
  return memory.put(owner, address, ObjectBytes.of(buffer), { ...PLAIN, ...options }, reservation, now);
}

export const textOf = (object: StoredObject | undefined): string | undefined => object?.bytes.text();

/** Whether an error is an `ObjectError` of a status, with such a text. */
export const refused =
  (status: number, text?: RegExp) =>
  (error: unknown): boolean =>
    error instanceof ObjectError && error.status === status && (text?.test(error.message) ?? true);
