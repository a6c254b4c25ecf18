import {
  matrixProduct,
  newtonRegression,
  tallQr,
  taskBench,
  type TaskBenchPattern,
  type TaskGraph,
} from '../../../controller/simulate/index.js';
import { readTpch } from './tpch/readGraphs.js';

/** A graph by the arguments that make it: a thread gets these, and makes the graph itself. */
export type GraphSpec =
  | {
      readonly of: 'taskbench';
      readonly pattern: TaskBenchPattern;
      readonly width: number;
      readonly steps: number;
      readonly ms: number;
      readonly bytes: number;
    }
  | { readonly of: 'tpch'; readonly query: number; readonly scale: number }
  | { readonly of: 'matrix product'; readonly blocks: number }
  | { readonly of: 'TSQR'; readonly blocks: number }
  | { readonly of: 'Newton'; readonly blocks: number };

/** 20 GFlop/s. */
const FLOPS_PER_MS = 2e7;

let queries: ReturnType<typeof readTpch> | undefined;

/** @throws RangeError for an unknown query. To be called in the project's folder. */
export function graphOf(spec: GraphSpec): TaskGraph {
  switch (spec.of) {
    case 'taskbench':
      return taskBench(spec.pattern, { width: spec.width, steps: spec.steps }, spec.ms, spec.bytes);
    case 'tpch': {
      const query = (queries ??= readTpch()).graphs.find((one) => one.query === spec.query);
      if (!query) throw new RangeError(`TPC-H has no query ${spec.query}`);
      return query.atScale(spec.scale);
    }
    case 'matrix product':
      return matrixProduct({ blocks: spec.blocks, block: 2000, flopsPerMs: FLOPS_PER_MS });
    case 'TSQR':
      return tallQr({ blocks: spec.blocks, rows: 100_000, columns: 128, flopsPerMs: FLOPS_PER_MS });
    case 'Newton':
      return newtonRegression({
        blocks: spec.blocks,
        rows: 100_000,
        columns: 64,
        iterations: 8,
        flopsPerMs: FLOPS_PER_MS,
      });
    default:
      throw new RangeError(`unknown graph ${JSON.stringify(spec satisfies never)}`);
  }
}
