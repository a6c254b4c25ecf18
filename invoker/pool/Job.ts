import type { ActivationMessage } from '../../shared/messages/activation.js';
import type { ExecutableAction } from '../activations/ExecutableAction.js';
import { containerKey } from './ContainerEntry.js';
import type { ContainerRequest } from './decide.js';

/** An activation on its way through the pool. */
export interface Job extends ContainerRequest {
  readonly message: ActivationMessage;
  readonly action: ExecutableAction;
  /** How often a container could not take it after all. */
  attempts: number;
  /** The activation is over: acknowledged and recorded. */
  readonly done: () => void;
}

export function newJob(message: ActivationMessage, action: ExecutableAction, done: () => void): Job {
  return {
    message,
    action,
    key: containerKey(message.user.namespace.name, action.path, action.revision),
    kind: action.kind,
    memoryMB: action.memoryMB,
    color: message.color?.value,
    attempts: 0,
    done,
  };
}
