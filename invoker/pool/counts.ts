import type { ContainerEntry, ContainerState } from './ContainerEntry.js';
import type { ContainerTable } from './ContainerTable.js';

/** The state of a pool at one moment. */
export interface PoolCounts {
  /** `busy`: warm, with at least one activation. */
  readonly containers: Readonly<Record<ContainerState | 'busy', number>>;
  /** The memory of all containers, including those being created or removed. */
  readonly usedMB: number;
  /** Containers whose removal failed and is being retried. */
  readonly unremoved: number;
  /** The number of waiting activations. */
  readonly waiting: number;
  /** The number of activations in the pool, including waiting ones. */
  readonly activations: number;
  /** The number of actions whose idle times are known. */
  readonly predictedActions: number;
}

/** Counts the containers of a table by state, and their memory. */
export function countContainers(table: ContainerTable<ContainerEntry>): Pick<PoolCounts, 'containers' | 'usedMB'> {
  const containers = { ...NO_CONTAINERS };
  for (const entry of table.all) containers[entry.active > 0 && entry.state === 'warm' ? 'busy' : entry.state]++;
  return { containers, usedMB: table.usedMB };
}

const NO_CONTAINERS: Record<ContainerState | 'busy', number> = {
  creating: 0,
  prewarmed: 0,
  initializing: 0,
  warm: 0,
  busy: 0,
  pausing: 0,
  paused: 0,
  resuming: 0,
  draining: 0,
  removing: 0,
};
