import { within } from '../../../shared/process/within.js';

/** How long calls of the Docker Engine may take, in ms; those of OpenWhisk's `whisk.docker.client.timeouts`. */
export interface EngineLimits {
  /** Making, starting, removing and looking up containers, networks and lists: each call. */
  readonly callMs: number;
  /** A pause, and its end. */
  readonly pauseMs: number;
  /** The whole pull of an image. */
  readonly pullMs: number;
}

export const ENGINE_LIMITS: EngineLimits = { callMs: 60_000, pauseMs: 10_000, pullMs: 600_000 };

/** The engine did not answer in time: it is frozen, or its machine is overloaded. */
export class EngineTimeoutError extends Error {
  override name = 'EngineTimeoutError';
}

/**
 * The result of a call of the engine. A call that is late is not cut off: an engine that goes on later carries out what
 * it was asked for, and the removal of a container is among that.
 *
 * @param what the call, such as `the creation of a container`.
 * @param onLate gets a result that comes after the limit.
 * @throws EngineTimeoutError after the limit; what the call throws.
 */
export function engineCall<T>(
  what: string,
  limitMs: number,
  call: Promise<T>,
  onLate?: (result: T) => void,
): Promise<T> {
  return within(call, limitMs, (): never => {
    call.then(onLate, () => undefined);
    throw new EngineTimeoutError(`the Docker Engine did not answer ${what} within ${limitMs / 1000} s`);
  });
}
