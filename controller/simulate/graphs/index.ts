export { type GraphPlacement, type WorkersState } from './GraphPlacement.js';
export { matrixProduct, newtonRegression, tallQr, type BlockOptions } from './nums.js';
export {
  ColoredPlacement,
  hashedHomes,
  idleFirst,
  informed,
  nextWorker,
  randomWorker,
  shortestQueue,
  twoRandomWorkers,
  whereTheInputIs,
  type ColoredPlacementOptions,
} from './placements.js';
export { simulateGraph, type GraphResult, type GraphSimulation } from './simulateGraph.js';
export { TASK_BENCH_PATTERNS, taskBench, type TaskBenchOptions, type TaskBenchPattern } from './taskBench.js';
export { bounds, toDag, type GraphBounds, type Network, type Task, type TaskGraph } from './TaskGraph.js';
