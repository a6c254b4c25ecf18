import type { UserLimits } from '../entities/identity.js';
import type { ActionLimits } from '../entities/limits.js';
import { parseSize } from '../messages/instances.js';
import type { Limits } from './limits.js';

export interface Range {
  readonly min: number;
  readonly max: number;
}

/** The bounds of one namespace: its own where the installation's allow them. */
export interface NamespaceLimits {
  /** MB. */
  readonly memory: Range;
  /** MB. */
  readonly logs: Range;
  /** Milliseconds. */
  readonly timeout: Range;
  readonly concurrency: Range;
  readonly concurrentInvocations: number;
  /** Bytes of an entity's parameters or annotations. */
  readonly maxParameterBytes: number;
  /** The same in the words of who set it. */
  readonly maxParameterSize: string;
  /** Bytes of an invocation's payload. */
  readonly maxPayloadBytes: number;
}

/** What holds for a namespace; `user` as its limits document has it. A value that is none counts as missing. */
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

/** The most that a namespace may send with an invocation; apart, since each invocation asks for it. */
export function maxPayloadBytes(limits: Limits, user: UserLimits): number {
  if (user.maxPayloadSize === undefined) return limits.maxPayloadBytes;
  return Math.min(bytes(user.maxPayloadSize) ?? limits.maxPayloadBytes, limits.maxPayloadBytes);
}

/** How much is kept of a result that is over what the namespace may have. */
export function truncationBytes(limits: Limits, user: UserLimits): number {
  if (user.truncationSize === undefined) return limits.truncationBytes;
  return Math.min(bytes(user.truncationSize) ?? limits.truncationBytes, limits.truncationBytes);
}

/** What an action's limits exceed of those that its namespace may have, in OpenWhisk's words; undefined where nothing. */
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
