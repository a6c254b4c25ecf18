/**
 * The policy lab: simulates the shipped balancer with any policy on any trace. `import { simulateTrace } from
 * 'palette-whisk/simulate'`. See docs/lab.md.
 *
 * @module palette-whisk/simulate
 */
export { readAzure2019, readAzure2021, type Azure2019Options, type Lines } from './azure.js';
export * from './graphs/index.js';
export { type BalancerCounts, type PlacementOptions } from './engine/Placement.js';
export { seeded, shuffle, zipf } from './engine/random.js';
export {
  simulateTrace,
  type Observed,
  type TraceResult,
  type TraceSimulation,
  type WorkerChange,
} from './simulateTrace.js';
export { TraceBuilder, traceEvents, type Trace, type TraceEvent, type TraceObject } from './Trace.js';
export { parseTrace, TraceError, traceLines } from './traceLines.js';
export { YARDSTICKS, type YardstickName } from './yardsticks.js';
export { zipfTrace, type ZipfTraceOptions } from './zipfTrace.js';
