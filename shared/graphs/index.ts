/**
 * Coloring for clients that run graphs of invocations: `import { chainColoring, runDag } from
 * 'palette-whisk/coloring'`. See docs/graphs.md.
 *
 * @module palette-whisk/coloring
 */
export { chainColoring, type ChainOptions } from './chainColoring.js';
export { broadcast, reduce, shuffle, type Collective, type Placed } from './collectives.js';
export { DagError, type Coloring, type Dag, type DagEdge, type DagNode } from './Dag.js';
export {
  DagRunError,
  runDag,
  type InvokingClient,
  type NodeInvocation,
  type NodeResult,
  type Progress,
  type ReferenceOptions,
  type RunOptions,
} from './runDag.js';
export { earliestFinish, virtualWorkers, type Scheduler, type WorkerOptions } from './virtualWorkers.js';
