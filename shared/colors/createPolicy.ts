import type { ColorKey } from './colorKey.js';
import type { ColorPolicy, PolicyName, PolicyOptions } from './ColorPolicy.js';
import { BoundedLoad } from './policies/BoundedLoad.js';
import { BucketHashing } from './policies/BucketHashing.js';
import { ConsistentHashing } from './policies/ConsistentHashing.js';
import { LeastAssigned } from './policies/LeastAssigned.js';
import { RandomPolicy, RoundRobinPolicy } from './policies/Oblivious.js';

/**
 * A policy by its name.
 * @param onAssigned hears of each color that `least-assigned` gives a home.
 */
export function createPolicy(
  name: PolicyName,
  options: PolicyOptions,
  onAssigned?: (color: ColorKey, invoker: number) => void,
): ColorPolicy {
  return MAKERS[name](options, onAssigned);
}

type Maker = (options: PolicyOptions, onAssigned?: (color: ColorKey, invoker: number) => void) => ColorPolicy;

const MAKERS: Readonly<Record<PolicyName, Maker>> = {
  'consistent-hashing': (options) => new ConsistentHashing(options),
  'bucket-hashing': (options) => new BucketHashing(options),
  'least-assigned': (options, onAssigned) => new LeastAssigned(options, onAssigned),
  'bounded-load': (options) => new BoundedLoad(options),
  random: (options) => new RandomPolicy(options),
  'round-robin': (options) => new RoundRobinPolicy(options),
};
