import type { ActivationResponse } from '../../shared/entities/activation.js';
import { CorruptedEntityError, WrongEntityTypeError } from '../../shared/store/EntityStore.js';
import { applicationError, developerError, whiskError } from './response.js';
import * as texts from './texts.js';

/**
 * The response of an activation whose action, or whose code, the store did not give. Only an unavailable store is an internal
 * error, which counts against the invoker: the rest is what users did to the action after its invocation.
 */
export function unreadable(error: unknown): ActivationResponse {
  if (error instanceof WrongEntityTypeError) return applicationError(texts.replaced);
  if (error instanceof CorruptedEntityError) return developerError(texts.damaged(error.detail));
  return whiskError(texts.actionFetchError);
}
