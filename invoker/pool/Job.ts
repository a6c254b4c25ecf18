import type { ActivationMessage } from '../../shared/messages/activation.js';
import type { ExecutableAction } from '../activations/ExecutableAction.js';
import { containerKey, flowOf } from './ContainerEntry.js';
import type { ContainerRequest } from './decide.js';
import type { Queued } from './FairQueue.js';

/** An activation on its way through the pool. */
export interface Job extends ContainerRequest, Queued {
  readonly message: ActivationMessage;
  readonly action: ExecutableAction;
  /** How often a container could not take it after all. */
  attempts: number;
  /** Whether one of those times was the platform's fault: a container that was not resumed. */
  platformFailed: boolean;
  /** Whether the container that it was given to served its color lately. */
  colorHit: boolean;
  /** The activation is over: acknowledged and recorded. */
  readonly done: () => void;
  /** The activation did not begin, and shall wait for the next run of this invoker. */
  readonly leave: () => void;
}

export function newJob(
  message: ActivationMessage,
  action: ExecutableAction,
  arrival: number,
  { done, leave }: Pick<Job, 'done' | 'leave'>,
): Job {
  const namespace = message.user.namespace.name;
  const key = containerKey(namespace, action.path, action.revision);
  return {
    message,
    action,
    key,
    namespace,
    flow: flowOf(key),
    arrival,
    kind: action.kind,
    memoryMB: action.memoryMB,
    color: message.color?.value,
    attempts: 0,
    platformFailed: false,
    colorHit: false,
    done,
    leave,
  };
}
