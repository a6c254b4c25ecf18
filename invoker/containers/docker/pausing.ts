import type Docker from 'dockerode';
import { retry } from '../../../shared/process/retry.js';
import { engineCall, type EngineLimits } from './engineCall.js';
import { statusOf } from './removal.js';

/*
 * Docker notes that a container is paused twice: at the end of the call, and when containerd tells it. If containerd tells late of an
 * earlier pause or resume, Docker 20.10 takes a frozen container for a running one, or a running one for a paused one, until containerd
 * tells of the latest call. Until then it refuses the next call with "is not paused" or "is already paused".
 */

/** The interval between attempts and their limit, in ms. containerd needs some ms, and longer on a busy machine. */
const AGAIN_MS = 20;
const LATE_MS = 3000;

/** @param lateMs how long the engine may take the container for paused. @throws EngineTimeoutError; the engine's error. */
export function pauseContainer(container: Docker.Container, limits: EngineLimits, lateMs = LATE_MS): Promise<void> {
  return change(container, limits, {
    call: () => engineCall('a pause', limits.pauseMs, container.pause()),
    refusal: /is already paused/i,
    isDone: (paused) => paused,
    lateMs,
  });
}

/** @param lateMs how long the engine may take the container for running. @throws EngineTimeoutError; the engine's error. */
export function resumeContainer(container: Docker.Container, limits: EngineLimits, lateMs = LATE_MS): Promise<void> {
  return change(container, limits, {
    call: () => engineCall('the end of a pause', limits.pauseMs, container.unpause()),
    refusal: /is not paused/i,
    isDone: (paused) => !paused,
    lateMs,
  });
}

interface Change {
  readonly call: () => Promise<unknown>;
  /** The engine's text if the container has the wanted state already. */
  readonly refusal: RegExp;
  readonly isDone: (paused: boolean) => boolean;
  readonly lateMs: number;
}

/** If the container still has the wanted state after the attempts, another client of the engine has changed it. */
async function change(
  container: Docker.Container,
  limits: EngineLimits,
  { call, refusal, isDone, lateMs }: Change,
): Promise<void> {
  const isRefusal = (error: unknown): boolean => statusOf(error) !== undefined && refusal.test(String(error));
  try {
    await retry(call, {
      delayMs: (failures, error) => (isRefusal(error) && failures * AGAIN_MS < lateMs ? AGAIN_MS : undefined),
    });
  } catch (error) {
    if (!isRefusal(error)) throw error;
    const { State } = await engineCall('the request for a state', limits.pauseMs, container.inspect());
    if (!State.Running || !isDone(State.Paused)) throw error;
  }
}
