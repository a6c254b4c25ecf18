import type { ActivationMessage } from '../../shared/messages/activation.js';
import type { ExecutableAction } from '../activations/ExecutableAction.js';
import { containerKey, flowOf } from './ContainerEntry.js';
import type { ColoredJob } from './ColorWaits.js';
import type { ContainerRequest } from './decide.js';
import type { Queued } from './FairQueue.js';

/** An activation in the pool. */
export interface Job extends ContainerRequest, ColoredJob, Queued {
  readonly message: ActivationMessage;
  readonly action: ExecutableAction;
  /** The number of containers that failed to take it. */
  attempts: number;
  /** Whether one of these failures was the platform's fault, such as a failed resume. */
  platformFailed: boolean;
  /** Whether its container recently served its color. */
  colorHit: boolean;
  /** Since when it lets others pass to a container of their color, in ms since the epoch. Missing: it does not yet. */
  patientSince?: number;
  /** How long it has waited for the store, and for memory for what the store answers, in ms. */
  storeWaitMs: number;
  /** Called when the activation is acknowledged and recorded. */
  readonly done: () => void;
  /** Called when the activation did not start and is left to the next run of this invoker. */
  readonly leave: () => void;
}

/** The keys of an action's activations in the namespace that used it last. Tables find a text faster that they have seen before. */
const keys = new WeakMap<
  ExecutableAction,
  { readonly namespace: string; readonly key: string; readonly flow: string }
>();

function keysOf(namespace: string, action: ExecutableAction): { readonly key: string; readonly flow: string } {
  const known = keys.get(action);
  if (known?.namespace === namespace) return known;
  const key = containerKey(namespace, action.path, action.revision);
  const fresh = { namespace, key, flow: flowOf(key) };
  keys.set(action, fresh);
  return fresh;
}

export function newJob(
  message: ActivationMessage,
  action: ExecutableAction,
  arrival: number,
  { done, leave }: Pick<Job, 'done' | 'leave'>,
  storeWaitMs = 0,
): Job {
  const namespace = message.user.namespace.name;
  const { key, flow } = keysOf(namespace, action);
  return {
    message,
    action,
    key,
    namespace,
    flow,
    arrival,
    kind: action.kind,
    memoryMB: action.memoryMB,
    color: message.color?.value,
    // With 0 it would wait forever. Controllers refuse 0.
    instances: message.instances === undefined ? undefined : Math.max(1, message.instances),
    patienceMs: message.color?.patience ?? 0,
    attempts: 0,
    platformFailed: false,
    colorHit: false,
    storeWaitMs,
    done,
    leave,
  };
}
