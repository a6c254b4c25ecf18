import type { ColorPolicy, PolicyName, PolicySurroundings } from './ColorPolicy.js';
import { BoundedLoad } from './policies/BoundedLoad.js';
import { BucketHashing } from './policies/BucketHashing.js';
import { ConsistentHashing } from './policies/ConsistentHashing.js';
import { LeastAssigned } from './policies/LeastAssigned.js';
import { RandomPolicy, RoundRobinPolicy } from './policies/Oblivious.js';

/** Makes a policy; called once for each pool of invokers in which it is used. */
export type PolicyMaker = (surroundings: PolicySurroundings) => ColorPolicy;

/** The policies by their names. */
export const POLICIES: Readonly<Record<PolicyName, PolicyMaker>> = {
  'consistent-hashing': ({ options }) => new ConsistentHashing(options),
  'bucket-hashing': ({ options }) => new BucketHashing(options),
  'least-assigned': (surroundings) => new LeastAssigned(surroundings),
  'bounded-load': ({ options }) => new BoundedLoad(options),
  random: ({ options }) => new RandomPolicy(options),
  'round-robin': ({ options }) => new RoundRobinPolicy(options),
};
