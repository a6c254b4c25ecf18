import { valueOf, type KeyValue } from '../../shared/entities/keyvalue.js';
import type { ColorRequest } from '../loadbalancer/LoadBalancer.js';

/** The longest patience that an action or a caller may set, in ms. */
const MAX_PATIENCE_MS = 60_000;

/**
 * The requested policy and patience of a colored invocation. The caller's header overrides the action's annotations
 * `color-policy` and `color-patience` (ms).
 * @param header `policy`, `policy; patience=ms` or `; patience=ms`. A malformed part counts as an unknown policy.
 */
export function requestedPolicy(
  header: string | undefined,
  annotations: readonly KeyValue[],
): Omit<ColorRequest, 'value'> {
  const given = header === undefined ? {} : parseHeader(header);
  const policy = valueOf(annotations, 'color-policy');
  const patience = valueOf(annotations, 'color-patience');
  const patienceMs = given.patienceMs ?? (typeof patience === 'number' ? bounded(patience) : undefined);
  return {
    ...given,
    // A value that is not text counts as an unknown policy.
    policy: policy === undefined || typeof policy === 'string' ? policy : JSON.stringify(policy),
    ...(patienceMs === undefined ? {} : { patienceMs }),
  };
}

function parseHeader(header: string): Pick<ColorRequest, 'callerPolicy' | 'patienceMs'> {
  const match = /^\s*([\w.-]*)\s*(?:;\s*patience\s*=\s*(\d{1,9})\s*)?$/.exec(header);
  if (!match) return { callerPolicy: header };
  const [, policy, patience] = match;
  return {
    ...(policy === undefined || policy === '' ? {} : { callerPolicy: policy }),
    ...(patience === undefined ? {} : { patienceMs: Math.min(Number(patience), MAX_PATIENCE_MS) }),
  };
}

/** @returns undefined if the value is not a duration. */
function bounded(ms: number): number | undefined {
  return ms >= 0 ? Math.min(ms, MAX_PATIENCE_MS) : undefined;
}
