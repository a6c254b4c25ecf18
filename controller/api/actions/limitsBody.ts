import { badRequest, malformedContent } from '../../http/ApiError.js';
import { bodyObject, optional } from '../../http/fields.js';
import type { NamespaceLimits } from '../../../shared/config/namespaceLimits.js';
import type { Json } from '../../../shared/entities/keyvalue.js';
import type { ActionLimits } from '../../../shared/entities/limits.js';

/** The limits in a body. Missing limits keep their value. */
export type GivenLimits = { readonly [limit in keyof ActionLimits]?: number | undefined };

/** @throws ApiError 400 */
export function readLimits(value: Json): GivenLimits {
  const object = bodyObject(value, 'timeout');
  return {
    timeout: optional(object, 'timeout', (v) => whole(v, 'time limit')),
    memory: optional(object, 'memory', (v) => size(v, 'memory limit')),
    logs: optional(object, 'logs', (v) => size(v, 'log limit')),
    concurrency: optional(object, 'concurrency', (v) => whole(v, 'concurrency limit', 'intra concurrency limit')),
    instances: optional(object, 'instances', instances),
  };
}

function whole(value: Json, malformed: string, name = malformed): number {
  if (typeof value !== 'number') throw malformedContent(`${malformed} malformed`);
  if (!Number.isInteger(value)) throw malformedContent(`requirement failed: ${name} must be whole number`);
  // Of a number that does not fit into 32 bits the low bits count, as in OpenWhisk.
  return value === (value | 0) ? value : Number(BigInt.asIntN(32, BigInt(value)));
}

function size(value: Json, name: string): number {
  const megabytes = whole(value, name);
  if (megabytes >= 0) return megabytes;
  throw malformedContent('requirement failed: a negative size of an object is not allowed.');
}

function instances(value: Json): number {
  const count = whole(value, 'instance concurrency limit');
  if (count >= 0) return count;
  throw malformedContent('requirement failed: Action container concurrency must be greater than or equal to 0.');
}

/** Checks limits against a namespace's bounds. @throws ApiError 400 that names the first limit out of bounds. */
export function checkLimits(given: GivenLimits, bounds: NamespaceLimits): void {
  const { memory, timeout, logs, concurrency } = given;
  if (memory !== undefined) checkSize('memory', memory, bounds.memory);
  if (timeout !== undefined) {
    const { min, max } = bounds.timeout;
    const words = `duration ${timeout} milliseconds`;
    if (timeout > max) throw outOfBounds(`${words} exceeds allowed threshold of ${max} milliseconds`);
    if (timeout < min) throw outOfBounds(`${words} below allowed threshold of ${min} milliseconds`);
  }
  if (logs !== undefined) checkSize('log', logs, bounds.logs);
  if (concurrency !== undefined) {
    const { min, max } = bounds.concurrency;
    if (concurrency > max) throw outOfBounds(`concurrency ${concurrency} exceeds allowed threshold of ${max}`);
    if (concurrency < min) throw outOfBounds(`concurrency ${concurrency} below allowed threshold of ${min}`);
  }
}

function checkSize(what: string, megabytes: number, { min, max }: { min: number; max: number }): void {
  if (megabytes > max) throw outOfBounds(`${what} size ${megabytes} MB exceeds allowed threshold of ${max} MB`);
  if (megabytes < min) throw outOfBounds(`${what} size ${megabytes} MB below allowed threshold of ${min} MB`);
}

const outOfBounds = (detail: string): Error => badRequest(`requirement failed: ${detail}`);

/** Limits an action's containers to the namespace's concurrent invocations. @throws ApiError 400 */
export function checkInstances(given: GivenLimits | undefined, concurrentInvocations: number): void {
  if (given?.instances === undefined || given.instances <= concurrentInvocations) return;
  throw badRequest(
    `Max action instance concurrency must not exceed your namespace concurrency of ${concurrentInvocations}.`,
  );
}
