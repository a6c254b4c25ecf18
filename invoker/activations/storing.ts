import { StatusCode, type ActivationResponse } from '../../shared/entities/activation.js';
import type { ActivationMessage } from '../../shared/messages/activation.js';

/** The records that an installation stores, with OpenWhisk's names. */
export const STORE_LEVELS = ['STORE_ALWAYS', 'STORE_FAILURES', 'STORE_FAILURES_NOT_APPLICATION_ERRORS'] as const;
export type StoreLevel = (typeof STORE_LEVELS)[number];

export interface StoreLevels {
  readonly blocking: StoreLevel;
  readonly nonBlocking: StoreLevel;
}

export const STORE_ALWAYS: StoreLevels = { blocking: 'STORE_ALWAYS', nonBlocking: 'STORE_ALWAYS' };

/**
 * Whether to store an activation's record: never if its namespace disables records; always if its caller asked for
 * extra logging; otherwise by the installation's level.
 */
export function isStored(message: ActivationMessage, response: ActivationResponse, levels: StoreLevels): boolean {
  if (message.user.limits.storeActivations === false) return false;
  if (message.transid.extraLogging === true) return true;
  return STORED[message.blocking ? levels.blocking : levels.nonBlocking](response.statusCode);
}

const STORED: Record<StoreLevel, (statusCode: StatusCode) => boolean> = {
  STORE_ALWAYS: () => true,
  STORE_FAILURES: (statusCode) => statusCode !== StatusCode.success,
  STORE_FAILURES_NOT_APPLICATION_ERRORS: (statusCode) => statusCode > StatusCode.applicationError,
};
