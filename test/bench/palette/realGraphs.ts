import * as z from 'zod';
import {
  ColoredPlacement,
  simulateGraph,
  taskBench,
  toDag,
  type TaskBenchPattern,
  type TaskGraph,
} from '../../../controller/simulate/index.js';
import { BALANCER } from '../../../controller/loadbalancer/ShardingBalancer.js';
import { chainColoring, runDag, virtualWorkers, type Coloring } from '../../../shared/graphs/index.js';
import { testServer } from '../../conformance/server.js';
import { Caller } from '../colorWorkload.js';
import { constantsOf, homeColors, probeRound, STEP, type Constants, type Probes } from './graphProbe.js';
import { objectFigures } from './objectFigures.js';
import { percent, spread, type Context, type Finding, type Section } from './results.js';

/*
 * Graphs on a real server by `runDag`, beside the simulation of the same graphs: the simulator is validated if the hit
 * ratios agree within 3 points and the run times within 10 % in at least six configurations. The simulation gets times
 * that were measured by other invocations between the runs (graphProbe.ts); nothing is fitted to the runs themselves.
 */

const WORKERS = 4;
const BYTES = 256 * 1024;
/** So long that a busy machine does not decide. */
const TASK_MS = 500;
const PROBE_MS = 100;

interface Pattern {
  readonly pattern: TaskBenchPattern;
  readonly width: number;
  readonly steps: number;
}
/** As wide as there are slots, and one that is wider, so that tasks queue. */
const GRAPHS: readonly Pattern[] = [
  { pattern: 'stencil_1d_periodic', width: WORKERS, steps: 12 },
  { pattern: 'fft', width: WORKERS, steps: 12 },
  { pattern: 'random_nearest', width: WORKERS, steps: 12 },
  { pattern: 'stencil_1d_periodic', width: 2 * WORKERS, steps: 6 },
];
/** Of a quick run: eight configurations of half as many steps. */
const QUICK: readonly Pattern[] = [
  { pattern: 'fft', width: WORKERS, steps: 6 },
  { pattern: 'stencil_1d_periodic', width: 2 * WORKERS, steps: 3 },
];
/** The simulations of a configuration, with different homes. */
const SIMULATIONS = 20;
const MAX_POINTS = 3;
const MAX_TIME = 0.1;
const NEEDED = 6;

interface Way {
  readonly name: string;
  readonly policy: string;
  readonly patienceMs: number;
  readonly color: (graph: TaskGraph, constants: Constants) => Coloring;
}

const chains: Way['color'] = (graph, { network }) => chainColoring(toDag(graph, network));
const WAYS: readonly Way[] = [
  // Each task is a color of its own: objects are spread by consistent hashing, tasks at random.
  {
    name: 'oblivious: random, hashed objects',
    policy: 'random',
    patienceMs: 0,
    color: ({ tasks }) => new Map(tasks.map(({ id }) => [id, `task-${id}`])),
  },
  { name: 'chains, least-assigned', policy: 'least-assigned', patienceMs: 0, color: chains },
  { name: 'chains, consistent-hashing, patient', policy: 'consistent-hashing', patienceMs: 60_000, color: chains },
  {
    name: 'virtual workers, least-assigned',
    policy: 'least-assigned',
    patienceMs: 0,
    color: (graph, { network }) => virtualWorkers(toDag(graph, network), WORKERS),
  },
];

interface Measured {
  readonly ms: number;
  readonly moved: number;
  readonly hitRatio: number;
}

interface Outcome extends Measured {
  /** The workers that run a task at once, in the mean. */
  readonly active: number;
}

export async function realGraphsExperiment(context: Context): Promise<Section> {
  const repeats = context.quick ? 1 : 3;
  const server = await testServer(['--process', '--invokers', String(WORKERS), '--memory', '128', '--no-catalog'], {
    CONFIG_whisk_objects_memory: '512 MB',
  });
  const caller = new Caller(server.base);
  const rows: (string | number)[][] = [];
  const seen: Constants[] = [];
  let [hits, times, both, count] = [0, 0, 0, 0];
  try {
    await caller.createAction('step', STEP, {});
    await objectFigures(server.base);
    const homes = await homeColors(caller, server.base, WORKERS);
    // A container on each invoker.
    await probeRound(caller, homes, BYTES, PROBE_MS, 0);
    let number = 0;
    let turn = 0;
    const probe = (): Promise<Probes> => probeRound(caller, homes, BYTES, PROBE_MS, turn++);
    for (const { pattern, width, steps } of context.quick ? QUICK : GRAPHS) {
      const graph = taskBench(pattern, { width, steps }, TASK_MS, BYTES);
      const name = `${pattern}, ${width} × ${steps}`;
      for (const way of WAYS) {
        context.progress(`real graphs: ${name}; ${way.name}`);
        // The colors must be those of both: they follow from the ratio of computation to communication.
        const probes = [await probe()];
        const coloring = way.color(graph, constantsOf(probes, BYTES, WORKERS, WORKERS));
        const runs: Measured[] = [];
        for (let i = 0; i < repeats; i++) {
          runs.push(await runOnServer(caller, server.base, graph, coloring, way, ++number));
          probes.push(await probe());
        }
        const real = meanOf(runs);
        const first = number - repeats + 1;
        // Homes by hashing are those of the server if the colors are those of its runs.
        const simulations = way.policy === 'consistent-hashing' ? repeats : SIMULATIONS;
        const simulate = (constants: Constants): Outcome[] =>
          Array.from({ length: simulations }, (_, i) => predict(graph, coloring, way, first + i, constants));
        // How many workers run at once depends little on the times: the second simulation has the times for them.
        const active = mean(simulate(constantsOf(probes, BYTES, WORKERS, WORKERS)), (one) => one.active);
        const constants = constantsOf(probes, BYTES, WORKERS, active);
        seen.push(constants);
        const simulated = meanOf(simulate(constants));
        const points = 100 * (real.hitRatio - simulated.hitRatio);
        const longer = real.ms / simulated.ms - 1;
        const hit = Math.abs(points) <= MAX_POINTS;
        const time = Math.abs(longer) <= MAX_TIME;
        count++;
        if (hit) hits++;
        if (time) times++;
        if (hit && time) both++;
        rows.push([
          name,
          way.name,
          percent(real.hitRatio),
          percent(simulated.hitRatio),
          points.toFixed(1),
          megabytes(real.moved),
          megabytes(simulated.moved),
          Math.round(real.ms),
          Math.round(simulated.ms),
          `${longer < 0 ? '−' : '+'}${Math.abs(100 * longer).toFixed(1)} %`,
          hit && time ? 'yes' : 'no',
        ]);
      }
    }
  } finally {
    await caller.close();
    await server.stop();
  }
  return sectionOf(rows, seen, repeats, { hits, times, both, count });
}

const megabytes = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1);

const mean = <T>(list: readonly T[], of: (one: T) => number): number => spread(list.map(of)).mean;

const meanOf = (outcomes: readonly Measured[]): Measured => ({
  ms: mean(outcomes, ({ ms }) => ms),
  moved: mean(outcomes, ({ moved }) => moved),
  hitRatio: mean(outcomes, ({ hitRatio }) => hitRatio),
});

/** The color of a task in a run: new colors in each run, the same in the simulation of it. */
const colorIn = (run: number, coloring: Coloring, id: string): string => `${run}/${coloring.get(id) ?? id}`;

async function runOnServer(
  caller: Caller,
  base: string,
  graph: TaskGraph,
  coloring: Coloring,
  { policy, patienceMs }: Way,
  run: number,
): Promise<Measured> {
  const { tasks } = graph;
  const numbers = new Map(tasks.map(({ id }, i) => [id, i]));
  const colors = new Map(tasks.map(({ id }) => [id, colorIn(run, coloring, id)]));
  const before = await moved(base);
  const begun = performance.now();
  await runDag(clientOf(caller), toDag(graph, { latencyMs: 1, bandwidth: 1e6 }), colors, {
    parallel: tasks.length,
    policy,
    colorPatienceMs: patienceMs,
    retries: 0,
    invocation: ({ id }) => {
      const { ms, bytes, inputs } = tasks[numbers.get(id) ?? 0] ?? { ms: 0, bytes: 0, inputs: [] };
      const sources = inputs.map((input) => tasks[input]?.id ?? '').map((from) => [colors.get(from) ?? from, from]);
      return { action: 'step', params: { color: colors.get(id) ?? id, key: id, inputs: sources, ms, bytes, policy } };
    },
  });
  const ms = performance.now() - begun;
  const remote = (await moved(base)) - before;
  const operations = tasks.reduce((sum, { inputs }) => sum + inputs.length + 1, 0);
  return { ms, moved: remote * BYTES, hitRatio: 1 - remote / operations };
}

const clientOf = (caller: Caller): Parameters<typeof runDag>[0] => ({
  actions: {
    invoke: ({ name, params, headers }) =>
      caller.request('POST', `/actions/${name}?blocking=true`, z.record(z.string(), z.json()).parse(params), headers),
  },
  activations: { get: ({ name }) => caller.request('GET', `/activations/${name}`) },
});

/** The objects that moved between invokers: requests to other invokers, but for reads whose copy was current. */
const moved = async (base: string): Promise<number> =>
  (await objectFigures(base)).reduce((sum, { forwarded, validated }) => sum + forwarded - validated, 0);

function predict(graph: TaskGraph, coloring: Coloring, way: Way, run: number, constants: Constants): Outcome {
  const { submitMs, answerMs, callMs, lateMs, firstMs, network } = constants;
  const workers = Array.from({ length: WORKERS }, () => 1);
  const colors = new Map(graph.tasks.map(({ id }) => [id, coloring.get(id) ?? id]));
  // The prefix of the run makes the homes by hashing those of the server; random choices differ from run to run.
  const seed = way.policy === 'consistent-hashing' ? BALANCER.colors.parameters.seed : run;
  const parameters = { ...BALANCER.colors.parameters, seed };
  const { policy, patienceMs } = way;
  const known = new Set<string>();
  const tasks = graph.tasks.map((task) => {
    const color = colors.get(task.id) ?? task.id;
    const ms = task.ms + callMs + lateMs + (known.has(color) ? 0 : firstMs);
    known.add(color);
    return { ...task, ms };
  });
  const result = simulateGraph(
    { ...graph, tasks },
    {
      workers,
      network,
      placement: new ColoredPlacement(
        graph,
        colors,
        workers,
        { policy, requestPatienceMs: patienceMs, parameters },
        run,
      ),
      results: 'at home',
      copies: true,
      coordinator: { submitMs, answerMs },
    },
  );
  const { movedBytes, localBytes, makespan, busy } = result;
  const active = busy.reduce((sum, share) => sum + share, 0);
  return { ms: makespan, moved: movedBytes, hitRatio: localBytes / (localBytes + movedBytes), active };
}

function sectionOf(
  rows: Section['tables'][number]['rows'],
  seen: readonly Constants[],
  repeats: number,
  { hits, times, both, count }: { hits: number; times: number; both: number; count: number },
): Section {
  const range = (name: string, of: (one: Constants) => number): string[] => {
    const values = seen.map(of);
    return [name, Math.min(...values).toFixed(1), Math.max(...values).toFixed(1)];
  };
  const transfer = ({ latencyMs, bandwidth }: Constants['network']['local']): number => latencyMs + BYTES / bandwidth;
  return {
    name: 'graphs',
    title: 'Graphs (real, small)',
    notes: [
      `Patterns of Task Bench (width × steps) by runDag on a standalone server: ${WORKERS} invokers with a process as container and one slot each. A task reads its inputs as objects, sleeps ${TASK_MS} ms and keeps ${BYTES / 1024} KB at the home of its color. Means of ${repeats} runs each.`,
      `Simulated with the times of the first table: other invocations measured them between the runs, on one worker alone and on all at once, and a graph has the times between these two for the number of its workers that run at once in the mean. Means of ${SIMULATIONS} simulations with other homes; with consistent hashing the homes are those of the runs.`,
      'A hit is a read or write that moves no bytes: the home of the object is the invoker of the task, or the invoker has a copy that its home confirms. Requests between invokers, and those of them that a copy answered, are counted by the server (GET /palette/objects).',
    ],
    plots: [],
    tables: [
      {
        title: 'Measured times in ms, over all configurations',
        columns: ['', 'least', 'most'],
        rows: [
          range('from the request until the invoker calls the container', ({ submitMs }) => submitMs),
          range('from the container’s response to that of the API', ({ answerMs }) => answerMs),
          range('a container is taken longer than its action runs by', ({ callMs }) => callMs),
          range(`a sleep of ${PROBE_MS} ms takes longer by`, ({ lateMs }) => lateMs),
          range('the first object of a color takes longer by', ({ firstMs }) => firstMs),
          range(`object of ${BYTES / 1024} KB at its home`, ({ network }) => transfer(network.local)),
          range(`object of ${BYTES / 1024} KB elsewhere`, ({ network }) => transfer(network)),
        ],
      },
      {
        title: 'Measured and simulated',
        columns: [
          'pattern',
          'placement',
          'hits in %',
          'simulated',
          'difference',
          'MB moved',
          'simulated',
          'ms',
          'simulated',
          'difference',
          'agree',
        ],
        rows,
      },
    ],
    findings: [finding(hits, times, both, count)],
    figures: { agree: both, of: count },
  };
}

function finding(hits: number, times: number, both: number, count: number): Finding {
  return {
    claim: 'The simulation predicts hit ratios and run times of graphs on a real server',
    paper: 'not applicable',
    here: `hit ratios within ${MAX_POINTS} points in ${hits}, run times within ${100 * MAX_TIME} % in ${times}, both in ${both} of ${count} configurations`,
    verdict: both >= NEEDED ? 'validated' : 'not validated',
    why: `Validated means both in at least ${NEEDED} configurations. Small graphs on one machine: its network is memory.`,
  };
}
