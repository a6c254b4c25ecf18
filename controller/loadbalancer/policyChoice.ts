import type { UserLimits } from '../../shared/entities/identity.js';
import type { ColorRequest } from './LoadBalancer.js';

/** The source of a policy's name. */
export type PolicySource = 'caller' | 'action' | 'namespace';

export interface PolicyChoiceParts {
  readonly exists: (policy: string) => boolean;
  /** Called for a policy that does not exist or that the namespace may not use. The name is ignored then. */
  readonly onUnknown: (source: PolicySource) => void;
}

/**
 * The policy of an invocation: from its caller, its action, its namespace or the installation, in this order. The
 * namespace's limit `colorPolicies` lists the policies that callers and actions may name; missing: all.
 */
export function chosenPolicy(
  { callerPolicy, policy }: Pick<ColorRequest, 'callerPolicy' | 'policy'>,
  limits: Pick<UserLimits, 'colorPolicy' | 'colorPolicies'>,
  fallback: string,
  { exists, onUnknown }: PolicyChoiceParts,
): string {
  // Nearly all invocations take this path: they name no policy.
  if (callerPolicy === undefined && policy === undefined && limits.colorPolicy === undefined) return fallback;
  const { colorPolicies } = limits;
  const allowed = (name: string): boolean => !Array.isArray(colorPolicies) || colorPolicies.includes(name);
  if (callerPolicy !== undefined) {
    if (exists(callerPolicy) && allowed(callerPolicy)) return callerPolicy;
    onUnknown('caller');
  }
  if (policy !== undefined) {
    if (exists(policy) && allowed(policy)) return policy;
    onUnknown('action');
  }
  if (limits.colorPolicy !== undefined) {
    if (typeof limits.colorPolicy === 'string' && exists(limits.colorPolicy)) return limits.colorPolicy;
    onUnknown('namespace');
  }
  return fallback;
}
