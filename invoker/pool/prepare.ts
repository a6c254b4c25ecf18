import type { ActivationResponse } from '../../shared/entities/activation.js';
import type { Execution, Interval } from '../activations/record.js';
import { developerError, whiskError } from '../activations/response.js';
import * as texts from '../activations/texts.js';
import { ContainerStartError, type Container } from '../containers/ContainerDriver.js';
import type { Containers, PooledContainer } from './Containers.js';
import { initialize, type ExecutionParts } from './execute.js';
import type { Job } from './Job.js';

/**
 * How the preparation of a container for an activation ended. `ok`: it is warm. `failed`: `execution` is how it ended
 * for that activation, `response` what those get that waited with it; `initialized` says whether it came as far as to
 * `/init`. `unsent`: the container never got the code, so another one may take the activation.
 */
export type Prepared =
  | { readonly kind: 'ok'; readonly init: Interval }
  | {
      readonly kind: 'failed';
      readonly execution: Execution;
      readonly response: ActivationResponse;
      readonly initialized: boolean;
    }
  | { readonly kind: 'unsent' };

/**
 * Waits until the container is there, and puts the job's action into it.
 * @param stemCell whether the container was begun before the job came.
 */
export async function prepare(
  parts: ExecutionParts,
  containers: Containers,
  slot: PooledContainer,
  job: Job,
  stemCell: boolean,
): Promise<Prepared> {
  let container: Container;
  try {
    container = slot.container ?? (await slot.created);
  } catch (error) {
    return stemCell ? { kind: 'unsent' } : notCreated(parts, job, error);
  }
  // It may have been removed in the meantime: the pool is closing.
  if (slot.state === 'removing') return { kind: 'unsent' };
  containers.slots.setState(slot, 'initializing');
  const initialized = await initialize(parts, container, job);
  if (initialized.kind === 'ok') {
    slot.prepared = undefined;
    if (slot.state === 'initializing') containers.slots.setState(slot, 'warm');
    return { kind: 'ok', init: initialized.interval };
  }
  containers.drain(slot);
  if (initialized.kind === 'failed') {
    const { response, interval, timedOut } = initialized;
    return failed({ response, total: interval, init: interval, timedOut, containerId: container.id });
  }
  // A stem cell may just have died. A container made for the action that does so has ended by its own doing.
  if (stemCell || container.running) return { kind: 'unsent' };
  const response = developerError(texts.abnormalInitialization);
  const interval = { start: parts.now(), end: parts.now() };
  return failed({ response, total: interval, init: interval, timedOut: false, containerId: container.id });
}

function failed(execution: Execution): Prepared {
  return { kind: 'failed', execution, response: execution.response, initialized: true };
}

function notCreated({ log, now }: ExecutionParts, job: Job, error: unknown): Prepared {
  log.error(`no container for ${job.action.path}`, { transid: job.message.transid, error });
  const missing = error instanceof ContainerStartError && error.imageMissing;
  const response = missing ? developerError(error.message) : whiskError(texts.resourceProvisionError);
  const execution = { response, total: { start: now(), end: now() }, timedOut: false };
  return { kind: 'failed', execution, response: whiskError(texts.abnormalRun), initialized: false };
}
