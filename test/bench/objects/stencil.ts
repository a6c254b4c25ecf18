import openwhisk from 'openwhisk';
import { taskBench, toDag } from '../../../controller/simulate/index.js';
import { WELL_KNOWN_USERS } from '../../../deploy/standalone/users.js';
import { runDag, type Coloring, type RunOptions } from '../../../shared/graphs/index.js';
import { testServer } from '../../conformance/server.js';
import { objectFigures } from '../palette/objectFigures.js';
import { latencies } from '../statistics.js';
import { limitInvokers } from './network.js';
import { processorTime } from './processors.js';
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
  /** Processor time in ms. */
  readonly server: number;
  readonly containers: number;
}

/** The median of each figure. */
function medians(outcomes: readonly Outcome[]): Outcome {
  const median = (figure: keyof Outcome): number => latencies(outcomes.map((one) => one[figure])).p50;
  return { ms: median('ms'), bytes: median('bytes'), server: median('server'), containers: median('containers') };
}

/**
 * A stencil of Task Bench: a task takes the results of three tasks of the step before, each of 4 MB, by reference. With a
 * color for each block of neighbouring points, results are in the memory of the invoker that needs most of them. Without
 * colors, results are in the store alone: acknowledged when it has them (`stored`).
 *
 * The bytes are those between invokers and those between invokers and the store, which is on another machine as a rule.
 */
export async function measureStencil(context: Context): Promise<void> {
  const server = await testServer(
    [`--${context.driver}`, '--invokers', String(INVOKERS), '--memory', '4096', '--no-catalog'],
    {
      CONFIG_whisk_objects_memory: '1 GB',
    },
  );
  try {
    const client = openwhisk({ apihost: server.base, api_key: WELL_KNOWN_USERS.guest });
    const limits = { memory: 512 };
    await client.actions.update({ name: 'stencil', action: CODE, kind: 'nodejs:20', limits });
    await objectFigures(server.base);
    if (context.network !== undefined) limitInvokers(context.network, INVOKERS, Number(new URL(server.base).port));
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
    const [colored, stored] = outcomes.map(medians);
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
    // Containers of Docker are not below the server.
    for (const part of context.driver === 'docker' ? (['server'] as const) : (['server', 'containers'] as const)) {
      context.add({
        name: `stencil, 4 MB: processor time, ${part}`,
        value: colored[part],
        unit: 'ms',
        beside: `in the store alone ${format(stored[part])}, ${change(colored[part] / stored[part])}`,
      });
    }
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
  const processors = processorTime();
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
  const { server, containers } = processorTime();
  if (results.size !== graph.tasks.length) throw new Error('not all tasks ran');
  return {
    ms,
    bytes: (await movedBytes(base)) - before,
    server: server - processors.server,
    containers: containers - processors.containers,
  };
}

/** The bytes between invokers, and between invokers and the store. */
const movedBytes = async (base: string): Promise<number> =>
  (await objectFigures(base)).reduce((sum, { peerBytes, storeBytes }) => sum + peerBytes + storeBytes, 0);
