import type { ActivationRecord } from '../entities/activation.js';
import { valueOf, type Json, type KeyValue } from '../entities/keyvalue.js';
import type { ActivationEvent, EventMessage } from '../messages/event.js';

/**
 * The user event of an activation; undefined if its record has no kind (a trigger).
 * @param source `controller` or `invoker` with its id.
 * @param userId the uuid of the caller's namespace.
 */
export function activationEvent(
  record: ActivationRecord,
  source: string,
  userId: string,
  now: number,
): EventMessage | undefined {
  const { annotations, response } = record;
  const name = valueOf(annotations, 'path');
  const kind = valueOf(annotations, 'kind');
  if (typeof name !== 'string' || typeof kind !== 'string') return undefined;
  const causedBy = valueOf(annotations, 'causedBy');
  const userDefined = userDefinedStatusCode(response.result);
  const body: ActivationEvent = {
    name,
    activationId: record.activationId,
    statusCode: response.statusCode,
    duration: record.duration ?? 0,
    waitTime: milliseconds(annotations, 'waitTime'),
    initTime: milliseconds(annotations, 'initTime'),
    kind,
    conductor: valueOf(annotations, 'conductor') === true,
    memory: memoryLimit(annotations),
    ...(typeof causedBy === 'string' ? { causedBy } : {}),
    ...(response.size === undefined ? {} : { size: response.size }),
    ...(userDefined === undefined ? {} : { userDefinedStatusCode: userDefined }),
  };
  return {
    source,
    body,
    subject: record.subject,
    namespace: record.namespace,
    userId,
    eventType: 'Activation',
    timestamp: now,
  };
}

/** The `statusCode` of an action's result, or of the `error` in it; 400 if it is not an integer. */
function userDefinedStatusCode(result: Json | undefined): number | undefined {
  const given = field(field(result, 'error'), 'statusCode') ?? field(result, 'statusCode');
  if (given === undefined) return undefined;
  if (typeof given === 'number') return Math.trunc(given);
  return typeof given === 'string' && /^[+-]?\d+$/.test(given) ? Number(given) : 400;
}

function field(value: Json | undefined, name: string): Json | undefined {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined;
  return Object.hasOwn(value, name) ? value[name] : undefined;
}

function milliseconds(annotations: readonly KeyValue[], key: string): number {
  const value = valueOf(annotations, key);
  return typeof value === 'number' && value > 0 ? value : 0;
}

function memoryLimit(annotations: readonly KeyValue[]): number {
  const memory = field(valueOf(annotations, 'limits'), 'memory');
  return typeof memory === 'number' ? memory : 0;
}
