import type { PolicyMaker, PolicyName } from '../ColorPolicy.js';
import { BoundedLoad } from './BoundedLoad.js';
import { BucketHashing } from './BucketHashing.js';
import { ConsistentHashing } from './ConsistentHashing.js';
import { LeastAssigned } from './LeastAssigned.js';
import { RandomPolicy, RoundRobinPolicy } from './oblivious.js';

/** The policies by name. */
export const POLICIES: Readonly<Record<PolicyName, PolicyMaker>> = {
  'consistent-hashing': ({ options }) => new ConsistentHashing(options),
  'bucket-hashing': ({ options }) => new BucketHashing(options),
  'least-assigned': (surroundings) => new LeastAssigned(surroundings),
  'bounded-load': ({ options }) => new BoundedLoad(options),
  random: ({ options }) => new RandomPolicy(options),
  'round-robin': ({ options }) => new RoundRobinPolicy(options),
};
