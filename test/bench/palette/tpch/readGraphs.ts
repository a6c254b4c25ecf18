import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import * as z from 'zod';
import type { TaskGraph } from '../../../../controller/simulate/index.js';

const schema = z.object({
  versions: z.record(z.string(), z.string()),
  queries: z.record(
    z.string(),
    z.object({
      kinds: z.array(z.string()),
      /** The kind, the dependencies, and bytes and ms: each a constant and a part for each scale factor. */
      tasks: z.array(z.tuple([z.int(), z.array(z.int()), z.number(), z.number(), z.number(), z.number()])),
    }),
  ),
});

export interface TpchQuery {
  readonly query: number;
  /** The number of tasks. */
  readonly count: number;
  atScale(factor: number): TaskGraph;
}

/** Reads the graphs that `exportGraphs.py` wrote. To be called in the project's folder. */
export function readTpch(): {
  readonly graphs: readonly TpchQuery[];
  readonly versions: Readonly<Record<string, string>>;
} {
  const file = resolve('test/bench/palette/tpch/graphs.json');
  const { queries, versions } = schema.parse(JSON.parse(readFileSync(file, 'utf8')));
  const graphs = Object.entries(queries).map(([query, { kinds, tasks }]) => ({
    query: Number(query),
    count: tasks.length,
    atScale: (factor: number): TaskGraph => ({
      name: `query ${query}`,
      tasks: tasks.map(([kind, inputs, bytes, bytesPerScale, ms, msPerScale], i) => ({
        id: `${i} ${kinds[kind] ?? ''}`,
        ms: ms + factor * msPerScale,
        bytes: bytes + factor * bytesPerScale,
        inputs,
      })),
    }),
  }));
  return { graphs, versions };
}
