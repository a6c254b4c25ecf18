import openwhisk from 'openwhisk';
import { taskBench, toDag } from '../../../controller/simulate/index.js';
import { WELL_KNOWN_USERS } from '../../../deploy/standalone/users.js';
import { runDag, type Coloring, type RunOptions } from '../../../shared/graphs/index.js';
import { testServer } from '../../conformance/server.js';
import { objectFigures } from '../palette/objectFigures.js';
import { latencies } from '../statistics.js';
import { change, format, type Context } from './report.js';

const INVOKERS = 4;
/** As many points for each invoker, and steps. */
const SIZE = { width: 16, steps: 4 };
const BYTES = 4 * 1024 * 1024;
const MB = 1024 * 1024;
const MAX_BYTES = 0.2;
const MAX_TIME = 0.6;

/** Checks its inputs, and returns a text of the given length. */
const CODE = `function main({ bytes, char, inputs }) {
  for (const { text } of inputs) if (text.length !== bytes) throw new Error('an input is not whole');
  return { text: char.repeat(bytes) };
}`;

/** A way to run the graph. */
interface Way {
  readonly coloring: (run: number) => Coloring;
  readonly options: Pick<RunOptions<{ id: string }>, 'references' | 'policy' | 'colorPatienceMs'>;
}

interface Outcome {
  readonly ms: number;
  readonly bytes: number;
}

/**
 * A stencil of Task Bench: a task takes the results of three tasks of the step before, each of 4 MB, by reference. With a
 * color for each block of neighbouring points, results are in the memory of the invoker that needs most of them. Without
 * colors, results are in the store alone: acknowledged when it has them (`stored`).
 *
 * The bytes are those between invokers and those between invokers and the store, which is on another machine as a rule.
 */
export async function measureStencil(context: Context): Promise<void> {
  const server = await testServer(['--process', '--invokers', String(INVOKERS), '--memory', '2048', '--no-catalog'], {
    CONFIG_whisk_objects_memory: '1 GB',
  });
  try {
    const client = openwhisk({ apihost: server.base, api_key: WELL_KNOWN_USERS.guest });
    const limits = { memory: 512 };
    await client.actions.update({ name: 'stencil', action: CODE, kind: 'nodejs:20', limits });
    await objectFigures(server.base);
    const ways: readonly Way[] = [
      {
        coloring: (run) => blocks(run),
        options: { references: { ttlS: 120 }, policy: 'least-assigned', colorPatienceMs: 60_000 },
      },
      { coloring: () => new Map(), options: { references: { ttlS: 120, persistence: 'stored' } } },
    ];
    const outcomes: Outcome[][] = ways.map(() => []);
    const repeats = context.full ? 9 : 3;
    for (let run = 0; run <= repeats; run++) {
      for (const [i, way] of ways.entries()) {
        context.progress(`stencil: run ${run} of ${repeats}, ${i === 0 ? 'colors' : 'the store alone'}`);
        const outcome = await runOnce(client, server.base, way, run);
        // The first run of each starts containers.
        if (run > 0) outcomes[i]?.push(outcome);
      }
    }
    const [colored, stored] = outcomes.map((runs) => ({
      ms: latencies(runs.map(({ ms }) => ms)).p50,
      bytes: latencies(runs.map(({ bytes }) => bytes)).p50,
    }));
    if (!colored || !stored) throw new Error('nothing was measured');
    const [bytes, time] = [colored.bytes / stored.bytes, colored.ms / stored.ms];
    context.add({
      name: 'stencil, 4 MB: bytes moved',
      value: colored.bytes / MB,
      unit: 'MB',
      beside: `in the store alone ${format(stored.bytes / MB)}, ${change(bytes)}`,
      goal: { text: '-80 %', met: bytes <= MAX_BYTES },
    });
    context.add({
      name: 'stencil, 4 MB: run time',
      value: colored.ms,
      unit: 'ms',
      beside: `in the store alone ${format(stored.ms)}, ${change(time)}`,
      goal: { text: '-40 %', met: time <= MAX_TIME },
    });
  } finally {
    await server.stop();
  }
}

const graph = taskBench('stencil_1d', SIZE, 1, BYTES);

/** A color for each block of neighbouring points, through all steps. */
function blocks(run: number): Coloring {
  return new Map(
    graph.tasks.map(({ id }, i) => [id, `${run}-block-${Math.floor(((i % SIZE.width) * INVOKERS) / SIZE.width)}`]),
  );
}

async function runOnce(client: ReturnType<typeof openwhisk>, base: string, way: Way, run: number): Promise<Outcome> {
  const before = await movedBytes(base);
  const begun = performance.now();
  const results = await runDag(client, toDag(graph, { latencyMs: 1, bandwidth: 1e6 }), way.coloring(run), {
    ...way.options,
    parallel: SIZE.width,
    retries: 0,
    invocation: (_, inputs) => ({
      action: 'stencil',
      params: { bytes: BYTES, char: 'x', inputs: [...inputs.values()] },
    }),
  });
  const ms = performance.now() - begun;
  if (results.size !== graph.tasks.length) throw new Error('not all tasks ran');
  return { ms, bytes: (await movedBytes(base)) - before };
}

/** The bytes between invokers, and between invokers and the store. */
const movedBytes = async (base: string): Promise<number> =>
  (await objectFigures(base)).reduce((sum, { peerBytes, storeBytes }) => sum + peerBytes + storeBytes, 0);
