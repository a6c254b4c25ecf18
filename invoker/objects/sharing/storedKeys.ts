import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';
import type { Owned } from './ColorStates.js';
import type { ObjectStore } from './ObjectStore.js';

/**
 * The keys of an owned color in the store, which is asked once for each ownership. The epoch of the ownership becomes
 * higher than those of all stored objects.
 */
export async function storedKeys(
  store: ObjectStore,
  owned: Owned,
  namespace: ObjectNamespace,
  color: string,
): Promise<Set<string> | 'many'> {
  if (owned.stored) return owned.stored;
  const { keys, epoch } = await store.keys(namespace, color);
  owned.epoch = Math.max(owned.epoch, epoch + 1);
  return (owned.stored ??= keys);
}
