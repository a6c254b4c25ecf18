import { setTimeout as sleep } from 'node:timers/promises';
import type Docker from 'dockerode';
import { retry } from '../../../shared/process/retry.js';
import { sharedAttempt } from '../sharedAttempt.js';
import { engineCall, EngineTimeoutError } from './engineCall.js';

/** The delays between attempts to remove a container, in ms: the engine may be busy with it or restart. */
const RETRY_DELAYS_MS = [200, 1000, 3000];
/** The interval and the limit of checks for the end of another request's removal, in ms. */
const POLL_MS = 200;
const MAX_POLL_MS = 60_000;
/** The time after an aborted request in which the engine may still create the container, in ms. */
const APPEARS_MS = 10_000;

/** The status code of an engine's error; undefined if the error is not a response. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : undefined;
}

/**
 * Removes a container in any state. Resolves once the engine no longer has it, to whether the engine had it.
 * @param callMs the limit for one attempt.
 * @throws the engine's error after some attempts; EngineTimeoutError after the first attempt without a response.
 */
export async function removeContainer(container: Docker.Container, callMs: number): Promise<boolean> {
  let polls = 0;
  let failures = 0;
  const remove = async (): Promise<boolean> => {
    try {
      await engineCall('the removal of a container', callMs, container.remove({ force: true, v: true }));
      return true;
    } catch (error) {
      if (statusOf(error) === 404) return polls > 0;
      throw error;
    }
  };
  return retry(remove, {
    delayMs: (_, error) =>
      isUnderWay(error) && ++polls * POLL_MS < MAX_POLL_MS ? POLL_MS : RETRY_DELAYS_MS[failures++],
    // The engine may still complete the removal.
    isFinal: (error) => error instanceof EngineTimeoutError,
  });
}

/** Whether another request is removing the container. */
const isUnderWay = (error: unknown): boolean =>
  statusOf(error) === 409 && String(error).includes('already in progress');

/** The possible rest of a container that did not start. */
export class Remains {
  /** Makes one attempt to remove it. Several callers may share the attempt. */
  readonly destroy: () => Promise<void>;

  private constructor(remove: () => Promise<void>) {
    this.destroy = sharedAttempt(remove);
  }

  /** The rest of a container that the engine has. */
  static of(container: Docker.Container, callMs: number): Remains {
    return new Remains(async () => {
      await removeContainer(container, callMs);
    });
  }

  /**
   * The rest of a container whose creation was aborted. The engine may still complete it without a response, so this
   * looks for it by name for a while.
   */
  static ofCutOff(container: Docker.Container, callMs: number, now: () => number = Date.now): Remains {
    const until = now() + APPEARS_MS;
    return new Remains(async () => {
      while (!(await removeContainer(container, callMs)) && now() < until) await sleep(POLL_MS);
    });
  }
}

/** Whether the engine may have completed a request that failed with this error. */
export function mayBeDone(error: unknown): boolean {
  if (statusOf(error) !== undefined) return false;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code !== 'ECONNREFUSED' && code !== 'ENOENT' && code !== 'EACCES' && code !== 'EPERM';
}
