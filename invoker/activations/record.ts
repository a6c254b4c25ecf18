import { colorAnnotations } from '../../shared/colors/colorAnnotations.js';
import type { ActivationRecord, ActivationResponse } from '../../shared/entities/activation.js';
import type { KeyValue } from '../../shared/entities/keyvalue.js';
import { documentId } from '../../shared/entities/names.js';
import type { ActivationMessage } from '../../shared/messages/activation.js';
import type { ExecutableAction } from './ExecutableAction.js';

/** Both in ms since the epoch. */
export interface Interval {
  readonly start: number;
  readonly end: number;
}

/** How an activation went. */
export interface Execution {
  readonly response: ActivationResponse;
  /** `/init` and `/run` together; where neither was reached, the same instant twice. */
  readonly total: Interval;
  /** Only where this activation initialized the container. */
  readonly init?: Interval | undefined;
  readonly timedOut: boolean;
  /** Where it ran, for the record of a colored activation. */
  readonly containerId?: string | undefined;
}

/** `/run` with the time of `/init` in front of it, as records count: what lies between the two is not the action's. */
export function totalOf(run: Interval, init: Interval | undefined): Interval {
  return init ? { start: run.start - (init.end - init.start), end: run.end } : run;
}

/**
 * The record of an activation, without logs. A colored one also says its color, and where it ran.
 * @param invoker the invoker's name, such as `invoker0`.
 */
export function activationRecord(
  message: ActivationMessage,
  action: ExecutableAction,
  execution: Execution,
  invoker: string,
): ActivationRecord {
  const { init, total } = execution;
  const annotations: KeyValue[] = [];
  if (message.cause !== undefined) annotations.push({ key: 'causedBy', value: 'sequence' });
  if (message.action.binding !== undefined) annotations.push({ key: 'binding', value: message.action.binding });
  annotations.push(
    { key: 'path', value: action.path },
    // The clocks of two hosts may differ.
    { key: 'waitTime', value: Math.max(0, (init ?? total).start - message.transid.start) },
    { key: 'kind', value: action.kind },
    { key: 'timeout', value: execution.timedOut },
    { key: 'limits', value: action.limits },
  );
  if (init) annotations.push({ key: 'initTime', value: init.end - init.start });
  annotations.push(...colorAnnotations(message.color, invoker, execution.containerId));
  return record(message, action.name, action.version, total, execution.response, annotations);
}

/** The record of an activation whose action could not be had: it took no time, and its kind is not known. */
export function fallbackRecord(
  message: ActivationMessage,
  response: ActivationResponse,
  now: number,
  invoker: string,
): ActivationRecord {
  const annotations: KeyValue[] = [
    { key: 'path', value: documentId(message.action) },
    { key: 'kind', value: 'unknown' },
  ];
  if (message.cause !== undefined) annotations.push({ key: 'causedBy', value: 'sequence' });
  annotations.push(...colorAnnotations(message.color, invoker));
  const instant = { start: now, end: now };
  return record(message, message.action.name, message.action.version ?? '0.0.1', instant, response, annotations);
}

function record(
  message: ActivationMessage,
  name: string,
  version: string,
  { start, end }: Interval,
  response: ActivationResponse,
  annotations: KeyValue[],
): ActivationRecord {
  return {
    activationId: message.activationId,
    namespace: message.user.namespace.name,
    name,
    version,
    subject: message.user.subject,
    publish: false,
    start,
    end,
    duration: end - start,
    ...(message.cause === undefined ? {} : { cause: message.cause }),
    response,
    logs: [],
    annotations,
  };
}
