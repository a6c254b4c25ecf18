import { within } from '../../../shared/process/within.js';

/** The timeouts of calls to the Docker Engine in ms, as OpenWhisk's `whisk.docker.client.timeouts`. */
export interface EngineLimits {
  /** Each call that creates, starts, removes or inspects a container or a network, or that lists them. */
  readonly callMs: number;
  /** A pause or a resume. */
  readonly pauseMs: number;
  /** The whole pull of an image. */
  readonly pullMs: number;
}

export const ENGINE_LIMITS: EngineLimits = { callMs: 60_000, pauseMs: 10_000, pullMs: 600_000 };

/** The engine did not respond in time: it is frozen, or its machine is overloaded. */
export class EngineTimeoutError extends Error {
  override name = 'EngineTimeoutError';
}

/**
 * The result of a call to the engine. A late call is not aborted, since the engine should still complete it, such as
 * the removal of a container.
 *
 * @param what the call, such as `the creation of a container`.
 * @param onLate called with a result that arrives after the limit.
 * @throws EngineTimeoutError after the limit; the error of the call.
 */
export function engineCall<T>(
  what: string,
  limitMs: number,
  call: Promise<T>,
  onLate?: (result: T) => void,
): Promise<T> {
  return within(call, limitMs, (): never => {
    call.then(onLate, () => undefined);
    throw new EngineTimeoutError(`the Docker Engine did not complete ${what} within ${limitMs / 1000} s`);
  });
}
