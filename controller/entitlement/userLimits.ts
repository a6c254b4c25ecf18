import type { Limits } from '../../shared/config/limits.js';
import type { UserLimits } from '../../shared/entities/identity.js';
import { parseSize } from '../../shared/messages/instances.js';

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
    maxParameterBytes: Math.min(bytes(user.maxParameterSize) ?? limits.maxParameterBytes, limits.maxParameterBytes),
    maxPayloadBytes: maxPayloadBytes(limits, user),
  };
}

/** The most that a namespace may send with an invocation; apart, since each invocation asks for it. */
export function maxPayloadBytes(limits: Limits, user: UserLimits): number {
  if (user.maxPayloadSize === undefined) return limits.maxPayloadBytes;
  return Math.min(bytes(user.maxPayloadSize) ?? limits.maxPayloadBytes, limits.maxPayloadBytes);
}

const wholeNumber = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isInteger(value) ? value : undefined;

const bytes = (value: unknown): number | undefined => (typeof value === 'string' ? parseSize(value) : undefined);
