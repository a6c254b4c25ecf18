import type { ContainerEntry, ContainerState } from './ContainerEntry.js';
import type { ContainerTable } from './ContainerTable.js';

/** The state of a pool at one moment. */
export interface PoolCounts {
  /** `busy`: warm, with at least one activation. */
  readonly containers: Readonly<Record<ContainerState | 'busy', number>>;
  /** Those that are being created or removed counted. */
  readonly usedMB: number;
  /** Containers whose removal failed, and is tried again. */
  readonly unremoved: number;
  /** Activations that wait for room. */
  readonly waiting: number;
  /** Activations that the pool has, those waiting counted. */
  readonly activations: number;
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
