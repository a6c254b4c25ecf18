import { setTimeout as sleep } from 'node:timers/promises';
import type Docker from 'dockerode';
import { engineCall, EngineTimeoutError } from './engineCall.js';

/** When to try again to remove a container, in ms: an engine may be busy with it, or be starting anew. */
const RETRIES = [200, 1000, 3000];
/** How often to ask whether a removal that another request began has ended, and how long at most, in ms. */
const POLL_MS = 200;
const MAX_POLL_MS = 60_000;
/** How long after its request was cut off an engine may still create a container, in ms. */
const APPEARS_MS = 10_000;

/** The status code of an engine's answer; undefined where the error is not an answer. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : undefined;
}

/**
 * Removes a container in whatever state it is. Resolves once the engine has it no more, to whether it had it.
 * @param callMs how long the engine may take for one attempt.
 * @throws what the engine says, after some attempts; EngineTimeoutError after the first attempt that it does not answer.
 */
export async function removeContainer(container: Docker.Container, callMs: number): Promise<boolean> {
  let polls = 0;
  for (let attempt = 0; ;) {
    try {
      await engineCall('the removal of a container', callMs, container.remove({ force: true, v: true }));
      return true;
    } catch (error) {
      const status = statusOf(error);
      if (status === 404) return polls > 0;
      const underWay = status === 409 && String(error).includes('already in progress');
      if (underWay && ++polls * POLL_MS < MAX_POLL_MS) {
        await sleep(POLL_MS);
        continue;
      }
      const delay = RETRIES[attempt++];
      // An engine that goes on later still removes it.
      if (delay === undefined || error instanceof EngineTimeoutError) throw error;
      await sleep(delay);
    }
  }
}

/** What is left, or may be left, of a container that did not start. */
export class Remains {
  readonly #remove: () => Promise<void>;
  #removal: Promise<void> | undefined;

  private constructor(remove: () => Promise<void>) {
    this.#remove = remove;
  }

  /** Of a container that the engine has. */
  static of(container: Docker.Container, callMs: number): Remains {
    return new Remains(async () => {
      await removeContainer(container, callMs);
    });
  }

  /**
   * Of a container whose creation was cut off. The engine may go on with it, and tell nobody: so it is looked for by its
   * name for a while.
   */
  static ofCutOff(container: Docker.Container, callMs: number, now: () => number = Date.now): Remains {
    const until = now() + APPEARS_MS;
    return new Remains(async () => {
      while (!(await removeContainer(container, callMs)) && now() < until) await sleep(POLL_MS);
    });
  }

  /** One attempt to remove it, which several callers may share. */
  destroy(): Promise<void> {
    this.#removal ??= this.#remove().catch((error: unknown) => {
      this.#removal = undefined;
      throw error;
    });
    return this.#removal;
  }
}

/** Whether a request that failed like this may have been carried out nevertheless. */
export function mayBeDone(error: unknown): boolean {
  if (statusOf(error) !== undefined) return false;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code !== 'ECONNREFUSED' && code !== 'ENOENT' && code !== 'EACCES' && code !== 'EPERM';
}
