/**
 * Policies that map colors to invokers: the interface, the built-in policies, and the tests of the contract. See
 * docs/policies.md.
 *
 * @module palette-whisk/policies
 */
export { colorKey, pointOf, type ColorKey } from '../colorKey.js';
export {
  POLICY_NAMES,
  POLICY_OPTIONS,
  type ColorChoice,
  type ColorPolicy,
  type InvokerLoad,
  type PolicyName,
  type PolicyMaker,
  type PolicyOptions,
  type PolicySurroundings,
  type Room,
  type SharedState,
  type SharedUpdate,
  type Weight,
} from '../ColorPolicy.js';
export { POLICIES } from './policies.js';
export { policyContract, type ContractCheck } from '../policyContract.js';
