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
    if (!isRefusal(error)) throw error;
    owned.doubted = true;
    throw lostColor();
  }
}

/** Whether an error is the refusal of a request as that of a former owner. */
const isRefusal = (error: unknown): boolean => error instanceof ObjectError && error.status === 421;

/**
 * Runs a request with an epoch of an ownership. This invoker itself may have renewed the epoch while the request was under way: its
 * refusal says nothing of another owner then. @returns undefined in that case
 */
export async function unlessRenewed<T>(
  owned: Pick<Owned, 'epoch'>,
  epoch: number,
  request: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await request();
  } catch (error) {
    if (isRefusal(error) && epoch < owned.epoch) return undefined;
    throw error;
  }
}
