import { ObjectError } from '../../../shared/objects/ObjectError.js';
import type { Owned } from './ColorStates.js';
import { lostColor } from './lostColor.js';

/**
 * Runs requests of an owner to other invokers and to the store. If one of them refuses it as a former owner, the ownership is doubted:
 * see `Owned.doubted`. @throws ObjectError 503 in that case
 */
export async function asOwner<T>(owned: Owned, requests: () => Promise<T>): Promise<T> {
  try {
    return await requests();
  } catch (error) {
    if (!(error instanceof ObjectError && error.status === 421)) throw error;
    owned.doubted = true;
    throw lostColor();
  }
}
