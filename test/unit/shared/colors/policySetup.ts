import { POLICY_OPTIONS, type ColorPolicy, type PolicyName } from '../../../../shared/colors/ColorPolicy.js';
import { POLICIES } from '../../../../shared/colors/policies/policies.js';
import { colors, range } from './workload.js';

export const COLORS = colors(100_000);

export const createPolicy = (name: PolicyName, options = POLICY_OPTIONS): ColorPolicy =>
  POLICIES[name]({ options, share: () => undefined });

/** Says that a color has its home at an invoker, as another controller would. */
export const adopt = (policy: ColorPolicy, color: number, invoker: number, ageMs = 0): void =>
  policy.shared?.adopt({ key: String(color), value: invoker }, ageMs);

/** A policy that knows invokers from 0 on. */
export const make = (name: PolicyName, invokers: number, options = POLICY_OPTIONS): ColorPolicy => {
  const policy = createPolicy(name, options);
  policy.joined(range(invokers));
  return policy;
};
