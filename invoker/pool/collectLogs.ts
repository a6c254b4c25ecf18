import { StatusCode, type ActivationResponse } from '../../shared/entities/activation.js';
import type { Logger } from '../../shared/logging/Logger.js';
import type { ExecutableAction } from '../activations/ExecutableAction.js';
import * as texts from '../activations/texts.js';
import type { CollectedLogs, Container } from '../containers/ContainerDriver.js';

const MB = 1024 * 1024;
/** At least this much time for the logs, and so much for each MB that they may have. */
const MIN_MB = 5;
const MS_PER_MB = 2000;

/**
 * The logs of the container's last activation. Where it ended by a fault of the action they may be incomplete: their end
 * is not waited for, and the last line says so. Never rejects.
 */
export async function collectLogs(
  container: Container,
  action: ExecutableAction,
  response: ActivationResponse,
  { log, now }: { readonly log: Logger; readonly now: () => number },
): Promise<CollectedLogs> {
  const faulty = response.statusCode === StatusCode.developerError;
  let collected: CollectedLogs;
  try {
    collected = await container.collectLogs({
      maxBytes: action.logsMB * MB,
      expectSentinels: action.sentinelled && !faulty && response.statusCode !== StatusCode.whiskError,
      timeoutMs: Math.max(action.logsMB, MIN_MB) * MS_PER_MB,
    });
  } catch (error) {
    log.error(`the logs of container ${container.id} were not read`, { error });
    collected = { lines: [texts.logFailure], complete: false, leftover: 0 };
  }
  if (collected.leftover > 0) {
    log.warn(`container ${container.id} logged ${collected.leftover} lines between activations: they were dropped`);
  }
  if (!faulty) return collected;
  return { ...collected, lines: [...collected.lines, logLine(now(), texts.logWarningDeveloperError)] };
}

/** A line that the invoker adds to an activation's logs. */
export function logLine(now: number, text: string): string {
  return `${new Date(now).toISOString().padEnd(30)} stderr: ${text}`;
}

/** Throws away what the container wrote so far, which nobody wants and the driver would keep. */
export function discardLogs(container: Container, log: Logger): void {
  container.collectLogs({ maxBytes: 0, expectSentinels: false, timeoutMs: 0 }).catch((error: unknown) => {
    if (log.debugEnabled) log.debug(`the logs of container ${container.id} were not discarded`, { error });
  });
}
