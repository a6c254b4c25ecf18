import type { ActivationResponse } from '../../shared/entities/activation.js';
import type { Execution } from '../activations/record.js';
import { developerError, whiskError } from '../activations/response.js';
import * as texts from '../activations/texts.js';
import { ContainerStartError, type Container } from '../containers/ContainerDriver.js';
import type { Containers } from './Containers.js';
import { initialize, type ExecutionParts } from './execute.js';
import type { Job } from './Job.js';
import type { LateCheck } from './lateJobs.js';
import { NoMemoryError, type PooledContainer, type Prepared } from './PooledContainer.js';

export interface PrepareParts extends ExecutionParts {
  /** Missing: each activation may run, however long it waited. */
  readonly late?: LateCheck | undefined;
}

/**
 * Waits until the container is created, and initializes it with the job's action.
 * @param stemCell whether its creation started before the job.
 */
export async function prepare(
  parts: PrepareParts,
  containers: Pick<Containers, 'table' | 'drain'>,
  entry: PooledContainer,
  job: Job,
  stemCell: boolean,
): Promise<Prepared> {
  let container: Container;
  try {
    container = entry.container ?? (await entry.created);
  } catch (error) {
    if (error instanceof NoMemoryError) return { kind: 'unsent', fault: 'memory' };
    return stemCell ? { kind: 'unsent', fault: 'platform' } : notCreated(parts, job, error);
  }
  // The pull of an image may take minutes.
  const looking = parts.late?.(job);
  const late = looking && (await looking);
  if (late) {
    containers.drain(entry);
    return { kind: 'late', late };
  }
  // The pool may have removed it while it closes.
  if (entry.state === 'removing') return { kind: 'unsent', fault: 'platform' };
  containers.table.setState(entry, 'initializing');
  const initialized = await initialize(parts, container, job);
  if (initialized.kind === 'ok') {
    entry.prepared = undefined;
    if (entry.state === 'initializing') containers.table.setState(entry, 'warm');
    return { kind: 'ok', init: initialized.interval };
  }
  containers.drain(entry);
  if (initialized.kind === 'left') return initialized;
  if (initialized.kind === 'unread') return notStarted(parts, initialized.response);
  if (initialized.kind === 'failed') {
    const { response, interval, timedOut } = initialized;
    return failed({ response, total: interval, init: interval, timedOut, containerId: container.id, colorHit: false });
  }
  // A stem cell may just have died. If a container that was created for the action dies, the action has ended it.
  if (stemCell || container.running) return { kind: 'unsent', fault: stemCell ? 'platform' : 'container' };
  const response = developerError(texts.abnormalInitialization);
  const interval = { start: parts.now(), end: parts.now() };
  return failed({
    response,
    total: interval,
    init: interval,
    timedOut: false,
    containerId: container.id,
    colorHit: false,
  });
}

function failed(execution: Execution): Prepared {
  return { kind: 'failed', execution, response: execution.response, initialized: true, reason: undefined };
}

function notCreated(parts: ExecutionParts, job: Job, error: unknown): Prepared {
  const { log } = parts;
  const imageFault = error instanceof ContainerStartError && error.imageFault;
  const context = { transid: job.message.transid, error };
  if (imageFault) log.warn(`could not start the image of ${job.action.path}`, context);
  else log.error(`could not create a container for ${job.action.path}`, context);
  if (imageFault) return { ...notStarted(parts, developerError(error.message)), reason: reasonOf(error) };
  return { ...notStarted(parts, whiskError(texts.resourceProvisionError)), response: whiskError(texts.abnormalRun) };
}

/** The container never got the action. */
function notStarted({ now }: ExecutionParts, response: ActivationResponse): Prepared & { kind: 'failed' } {
  const execution = { response, total: { start: now(), end: now() }, timedOut: false };
  return { kind: 'failed', execution, response, initialized: false, reason: undefined };
}

const MAX_REASON = 1000;

/** The message of the container engine or the registry. */
function reasonOf({ message, cause }: ContainerStartError): string {
  const said = cause instanceof Error ? cause.message : '';
  return (said === '' ? message : `${message} ${said}`).replaceAll(/\s+/g, ' ').slice(0, MAX_REASON);
}
