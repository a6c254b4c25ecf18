import { StatusCode, type ActivationResponse } from '../../shared/entities/activation.js';
import type { Logger } from '../../shared/logging/Logger.js';
import type { ExecutableAction } from '../activations/ExecutableAction.js';
import * as texts from '../activations/texts.js';
import type { CollectedLogs, Container } from '../containers/ContainerDriver.js';

const MB = 1024 * 1024;
/** The timeout for logs depends on their limit in MB, counted as at least this. */
const MIN_MB = 5;
const MS_PER_MB = 2000;
/**
 * After a fault of an action, this silence in ms ends its logs. Runtimes write sentinels after most faults, and the reason
 * of the fault before them. A busy engine hands such lines on late: after 20 ms of silence, the reason was missing.
 */
const QUIET_AFTER_FAULT_MS = 1000;

/**
 * The logs of the container's last activation. After a fault of the action it does not wait for the sentinels alone: the
 * logs may be incomplete, and the last line says so. Never rejects.
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
      ...(faulty && action.sentinelled ? { quietMs: QUIET_AFTER_FAULT_MS } : {}),
      timeoutMs: Math.max(action.logsMB, MIN_MB) * MS_PER_MB,
    });
  } catch (error) {
    log.error(`could not read the logs of container ${container.id}`, { error });
    collected = { lines: [texts.logFailure], complete: false, leftover: 0 };
  }
  if (collected.leftover > 0) {
    log.warn(`dropped ${collected.leftover} lines that container ${container.id} logged between activations`);
  }
  if (!faulty) return collected;
  return { ...collected, lines: [...collected.lines, logLine(now(), texts.logWarningDeveloperError)] };
}

/** Formats a line that the invoker adds to an activation's logs. */
export function logLine(now: number, text: string): string {
  return `${new Date(now).toISOString().padEnd(30)} stderr: ${text}`;
}

/** Discards the logs of the container so far: otherwise the driver keeps them in memory. */
export function discardLogs(container: Container, log: Logger): void {
  container.collectLogs({ maxBytes: 0, expectSentinels: false, timeoutMs: 0 }).catch((error: unknown) => {
    if (log.debugEnabled) log.debug(`could not discard the logs of container ${container.id}`, { error });
  });
}
