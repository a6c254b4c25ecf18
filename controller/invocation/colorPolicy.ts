import { valueOf, type KeyValue } from '../../shared/entities/keyvalue.js';
import type { ColorRequest } from '../loadbalancer/LoadBalancer.js';

/** The longest patience that an action or a caller may ask for, in ms. */
const MAX_PATIENCE_MS = 60_000;

/**
 * How a colored invocation wants its color mapped. The caller's header comes before the action's annotations `color-policy` and
 * `color-patience` (ms).
 * @param header `policy`, `policy; patience=ms` or `; patience=ms`. A part that cannot be read counts as an unknown policy.
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
    // What is not text names no policy either, and is counted as such.
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

/** @returns undefined if it is not a duration. */
function bounded(ms: number): number | undefined {
  return ms >= 0 ? Math.min(ms, MAX_PATIENCE_MS) : undefined;
}
