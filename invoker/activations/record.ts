import type { ActivationRecord, ActivationResponse } from '../../shared/entities/activation.js';
import { activationRecord } from '../../shared/entities/activationRecord.js';
import { documentId } from '../../shared/entities/names.js';
import type { ActivationMessage } from '../../shared/messages/activation.js';
import type { ExecutableAction } from './ExecutableAction.js';

/** Start and end, in ms since the epoch. */
export interface Interval {
  readonly start: number;
  readonly end: number;
}

/** The execution of an activation. */
export interface Execution {
  readonly response: ActivationResponse;
  /** The time of `/init` and `/run`. Start and end are equal if neither was reached. */
  readonly total: Interval;
  /** Present only if this activation initialized the container. */
  readonly init?: Interval | undefined;
  readonly timedOut: boolean;
  /** Whether the container has said that the run wrote nothing. Its logs are not to be collected then. */
  readonly silent?: boolean | undefined;
  /** The container, for the record of a colored activation. */
  readonly containerId?: string | undefined;
  /** Whether that container recently served the activation's color. */
  readonly colorHit?: boolean | undefined;
}

/**
 * The interval for the record: `/run`, extended at its start by the duration of `/init`. The time between them does not
 * count.
 */
export function totalOf(run: Interval, init: Interval | undefined): Interval {
  return init ? { start: run.start - (init.end - init.start), end: run.end } : run;
}

/**
 * The record of an execution, without logs. A colored one contains its color, invoker and container, too.
 * @param invoker the invoker's name, such as `invoker0`.
 */
export function executionRecord(
  message: ActivationMessage,
  action: ExecutableAction,
  execution: Execution,
  invoker: string,
): ActivationRecord {
  const { init, total, response, timedOut, containerId, colorHit } = execution;
  // Objects of a fixed shape: spreads cost a twentieth of the time of a call.
  return activationRecord({
    activationId: message.activationId,
    user: message.user,
    cause: message.cause,
    name: action.name,
    version: action.version,
    start: total.start,
    end: total.end,
    response,
    annotations: {
      binding: message.action.binding,
      path: action.path,
      waitTime: (init ?? total).start - message.transid.start,
      kind: action.kind,
      timeout: timedOut,
      limits: action.limits,
      initTime: init && init.end - init.start,
      color: message.color && { ...message.color, invoker, containerId, served: colorHit },
    },
  });
}

/** The record of an activation whose action could not be read: its duration is 0 and its kind is unknown. */
export function fallbackRecord(
  message: ActivationMessage,
  response: ActivationResponse,
  now: number,
  invoker: string,
): ActivationRecord {
  return activationRecord({
    activationId: message.activationId,
    user: message.user,
    cause: message.cause,
    name: message.action.name,
    version: message.action.version,
    start: now,
    end: now,
    response,
    annotations: {
      path: documentId(message.action),
      kind: 'unknown',
      color: message.color && { ...message.color, invoker },
    },
  });
}
