import { MemoryShares } from '../../shared/process/MemoryShares.js';
import { ApiError } from './ApiError.js';
import { brokenOff } from './body.js';

/** The longest wait of a request for memory, in ms. */
const PATIENCE_MS = 30_000;
/** The most requests that hold memory or wait for it: of all namespaces, and of one. */
const MAX_HOLDERS = 256;
const MAX_HOLDERS_OF_ONE = 16;
/** The delay after which a refused client should retry, in seconds. */
const RETRY_AFTER_S = 5;

/**
 * The memory for large requests, or for large responses. While a request waits for it, the server does not read from its
 * client. Refuses with an ApiError: 429 if the namespace has used up its share, 503 if all memory is used up.
 */
export class BodyMemory extends MemoryShares {
  /** Sizes in bytes: of all, and for each namespace. */
  constructor({ total, ofOne }: { readonly total: number; readonly ofOne: number }, patienceMs = PATIENCE_MS) {
    super({
      total,
      ofOne,
      maxHolders: MAX_HOLDERS,
      maxHoldersOfOne: MAX_HOLDERS_OF_ONE,
      patienceMs,
      errors: { tooBusy, tooMany, released: brokenOff },
    });
  }
}

const RETRY_AFTER = { 'Retry-After': String(RETRY_AFTER_S) };
const tooBusy = (): ApiError =>
  new ApiError(503, 'The server is busy with other large requests. Try again later.', RETRY_AFTER);
const tooMany = (): ApiError =>
  new ApiError(429, 'The namespace has too many large requests at once. Try again later.', RETRY_AFTER);
