import type { UserLimits } from '../entities/identity.js';
import type { ActionLimits } from '../entities/limits.js';
import { parseSize } from '../messages/instances.js';
import type { Limits } from './limits.js';

export interface Range {
  readonly min: number;
  readonly max: number;
}

/** The bounds of a namespace: its own bounds within those of the installation. */
export interface NamespaceLimits {
  /** MB. */
  readonly memory: Range;
  /** MB. */
  readonly logs: Range;
  /** Milliseconds. */
  readonly timeout: Range;
  readonly concurrency: Range;
  readonly concurrentInvocations: number;
  /** The largest parameters or annotations of an entity, in bytes. */
  readonly maxParameterBytes: number;
  /** The same as its configured text. */
  readonly maxParameterSize: string;
  /** The largest payload of an invocation, in bytes. */
  readonly maxPayloadBytes: number;
}

/** The limits of a namespace. `user`: its limits document. An invalid value counts as missing. */
export function namespaceLimits(limits: Limits, user: UserLimits): NamespaceLimits {
  const range = (system: Range, min: unknown, max: unknown): Range => ({
    min: Math.max(wholeNumber(min) ?? system.min, system.min),
    max: Math.min(wholeNumber(max) ?? system.max, system.max),
  });
  return {
    memory: range(limits.memory, user.minActionMemory, user.maxActionMemory),
    logs: range(limits.logs, user.minActionLogs, user.maxActionLogs),
    timeout: range(limits.timeout, user.minActionTimeout, user.maxActionTimeout),
    concurrency: range(limits.concurrency, user.minActionConcurrency, user.maxActionConcurrency),
    concurrentInvocations: user.concurrentInvocations ?? limits.concurrentInvocations,
    ...maxParameters(limits, user.maxParameterSize),
    maxPayloadBytes: maxPayloadBytes(limits, user),
  };
}

function maxParameters(limits: Limits, own: unknown): Pick<NamespaceLimits, 'maxParameterBytes' | 'maxParameterSize'> {
  const ownBytes = bytes(own);
  return ownBytes === undefined || ownBytes > limits.maxParameterBytes
    ? { maxParameterBytes: limits.maxParameterBytes, maxParameterSize: `${limits.maxParameterBytes} B` }
    : { maxParameterBytes: ownBytes, maxParameterSize: String(own) };
}

/**
 * The largest payload of a namespace's invocations, in bytes. Separate from the others, since every invocation needs
 * it.
 */
export function maxPayloadBytes(limits: Limits, user: UserLimits): number {
  if (user.maxPayloadSize === undefined) return limits.maxPayloadBytes;
  return Math.min(bytes(user.maxPayloadSize) ?? limits.maxPayloadBytes, limits.maxPayloadBytes);
}

/** A namespace's own limit on the memory of its objects in one invoker, in bytes; undefined: none. */
export const objectsLimitBytes = (user: UserLimits): number | undefined => bytes(user.objectsMemory);

/** The size to which a namespace's larger results are truncated, in bytes. */
export function truncationBytes(limits: Limits, user: UserLimits): number {
  if (user.truncationSize === undefined) return limits.truncationBytes;
  return Math.min(bytes(user.truncationSize) ?? limits.truncationBytes, limits.truncationBytes);
}

/** OpenWhisk's message for the first limit of an action that exceeds the namespace's bounds; undefined if none does. */
export function limitsViolation(action: ActionLimits, allowed: NamespaceLimits): string | undefined {
  return (
    violation('duration', action.timeout, allowed.timeout, 'milliseconds') ??
    violation('memory size', action.memory, allowed.memory, 'MB') ??
    violation('concurrency', action.concurrency, allowed.concurrency, undefined) ??
    violation('log size', action.logs, allowed.logs, 'MB')
  );
}

function violation(what: string, value: number, { min, max }: Range, unit: string | undefined): string | undefined {
  const of = (number: number): string => (unit === undefined ? String(number) : `${number} ${unit}`);
  if (value > max) return `${what} ${of(value)} exceeds allowed threshold of ${of(max)}`;
  if (value < min) return `${what} ${of(value)} below allowed threshold of ${of(min)}`;
  return undefined;
}

const wholeNumber = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isInteger(value) ? value : undefined;

const bytes = (value: unknown): number | undefined => (typeof value === 'string' ? parseSize(value) : undefined);
