import {
  ColoredPlacement,
  hashedHomes,
  idleFirst,
  informed,
  nextWorker,
  randomWorker,
  seeded,
  shortestQueue,
  simulateGraph,
  toDag,
  twoRandomWorkers,
  whereTheInputIs,
  type GraphPlacement,
  type GraphSimulation,
  type Network,
  type TaskGraph,
} from '../../../controller/simulate/index.js';
import { chainColoring, virtualWorkers, type Coloring } from '../../../shared/graphs/index.js';
import { graphOf, type GraphSpec } from './graphSpecs.js';
import { spread } from './results.js';

/* The placements that the experiments with graphs compare, and their runs. */

/** A way to place the tasks of a graph. */
type Maker = (graph: TaskGraph, workers: readonly number[], network: Network, seed: number) => GraphPlacement;

interface Way {
  readonly make: Maker;
  /** Missing: results stay where they were made. */
  readonly results?: GraphSimulation['results'];
}

export const QUEUEING = 'random, queueing';
export const IDLE_FIRST = 'random, idle first';
export const OFC = 'where the input is (OFC)';
export const INFORMED = 'serverful, knows all';
/** A cache over all workers with homes by hashing, as the paper's platform without colors has it. */
export const FAAST = 'random, queueing, hashed homes (Faa$T)';
export const FAAST_IDLE = 'random, idle first, hashed homes (Faa$T)';

const queueing: Maker = (_graph, workers, _network, seed) => randomWorker(workers.length, seeded(seed));
const idle: Maker = (_graph, workers, _network, seed) =>
  idleFirst(workers.length, randomWorker(workers.length, seeded(seed)));
const hashed = (make: Maker): Way => ({
  make: (graph, workers, network, seed) => hashedHomes(graph, workers, make(graph, workers, network, seed), seed),
  results: 'at home',
});

const BASELINES: Readonly<Record<string, Way>> = {
  [QUEUEING]: { make: queueing },
  'round robin, queueing': { make: (_graph, workers) => nextWorker(workers.length) },
  [IDLE_FIRST]: { make: idle },
  'round robin, idle first': { make: (_graph, workers) => idleFirst(workers.length, nextWorker(workers.length)) },
  'two random workers, the shorter queue': {
    make: (_graph, workers, _network, seed) => twoRandomWorkers(workers.length, seeded(seed)),
  },
  'shortest queue (JSQ)': { make: (_graph, workers, _network, seed) => shortestQueue(workers.length, seeded(seed)) },
  [FAAST]: hashed(queueing),
  [FAAST_IDLE]: hashed(idle),
  [OFC]: { make: (graph, workers, _network, seed) => whereTheInputIs(graph, workers.length, seeded(seed)) },
  [INFORMED]: { make: (graph, workers, network) => informed(graph, workers, network) },
};

const POLICIES = ['consistent-hashing', 'bucket-hashing', 'least-assigned', 'bounded-load'] as const;
/** More than any run takes: the color waits at its home as long as the balancer allows. */
const PATIENT_MS = 1e9;

type ColoringName = 'chains' | 'virtual workers';

/** The colorings of the last graph: they do not depend on the policy and the seed. */
let colored:
  | { readonly graph: TaskGraph; readonly network: Network; readonly colorings: Map<ColoringName, Coloring> }
  | undefined;

function colorsOf(graph: TaskGraph, name: ColoringName, workers: readonly number[], network: Network): Coloring {
  if (colored?.graph !== graph || colored.network !== network) colored = { graph, network, colorings: new Map() };
  let coloring = colored.colorings.get(name);
  if (!coloring) {
    const dag = toDag(graph, network);
    const slots = workers.reduce((sum, count) => sum + count, 0);
    coloring = name === 'chains' ? chainColoring(dag) : virtualWorkers(dag, slots);
    colored.colorings.set(name, coloring);
  }
  return coloring;
}

const COLORINGS = ['chains', 'virtual workers'] as const;

const coloredBy =
  (coloring: ColoringName, policy: (typeof POLICIES)[number], patienceMs: number): Maker =>
  (graph, workers, network, seed) =>
    new ColoredPlacement(graph, colorsOf(graph, coloring, workers, network), workers, { policy, patienceMs }, seed);

const colorings = (
  policies: readonly (typeof POLICIES)[number][],
  suffix: string,
  results: GraphSimulation['results'],
): Record<string, Way> =>
  Object.fromEntries(
    COLORINGS.flatMap((coloring) =>
      policies.flatMap((policy) =>
        [0, PATIENT_MS].map((patienceMs): [string, Way] => [
          `${coloring}, ${policy}${patienceMs > 0 ? ', patient' : ''}${suffix}`,
          { make: coloredBy(coloring, policy, patienceMs), results },
        ]),
      ),
    ),
  );
const COLORED = colorings(POLICIES, '', 'where made');
/** As on the platform: a result is an object at the home of its color. */
const COLORED_AT_HOME = colorings(['least-assigned'], ', objects at home', 'at home');
const WAYS: Readonly<Record<string, Way>> = { ...BASELINES, ...COLORED, ...COLORED_AT_HOME };
export const WAY_NAMES = Object.keys(WAYS);
export const AT_HOME_NAMES = Object.keys(COLORED_AT_HOME);
/** The policy that is best in the paper. */
export const PAPERS = Object.keys(COLORED).filter((name) => name.includes('least-assigned'));

/** By placement: run times in ms and the bytes that moved, means over the seeds. */
export interface Times {
  readonly makespan: Readonly<Record<string, number>>;
  readonly moved: Readonly<Record<string, number>>;
}

/** One graph by all placements, with each seed. */
export interface GraphJob {
  readonly kind: 'graph';
  readonly graph: GraphSpec;
  /** Of one slot each. */
  readonly workers: number;
  readonly network: Network;
  readonly seeds: readonly number[];
}

/** The run times and moved bytes of a graph: means over the seeds. */
export function timesOf({ graph: spec, workers: count, network, seeds }: GraphJob): Times {
  const graph = graphOf(spec);
  const workers = Array.from({ length: count }, () => 1);
  const makespan: Record<string, number> = {};
  const moved: Record<string, number> = {};
  for (const [name, { make, results }] of Object.entries(WAYS)) {
    const runs = (name === INFORMED ? seeds.slice(0, 1) : seeds).map((seed) =>
      simulateGraph(graph, {
        workers,
        network,
        placement: make(graph, workers, network, seed),
        prefetch: name === INFORMED,
        results,
      }),
    );
    makespan[name] = spread(runs.map((run) => run.makespan)).mean;
    moved[name] = spread(runs.map((run) => run.movedBytes)).mean;
  }
  return { makespan, moved };
}
