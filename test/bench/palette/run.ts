import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { basename } from 'node:path';
import * as z from 'zod';
import { beyondExperiment } from './beyondExperiment.js';
import { withClaims } from './claims.js';
import { JobPool, type Meter } from './JobPool.js';
import { numsExperiment } from './numsExperiment.js';
import { page, type Report } from './page.js';
import { realExperiment } from './realExperiment.js';
import { realGraphsExperiment } from './realGraphs.js';
import { timelinesExperiment } from './realTimelines.js';
import type { Context, Run, Section } from './results.js';
import { givenSocialExperiment, socialExperiment } from './socialExperiment.js';
import { readEdges } from './socialNetwork.js';
import { taskBenchExperiment } from './taskBenchExperiment.js';
import { tpchExperiment } from './tpchExperiment.js';
import { messageOf } from '../../../shared/errors/reasons.js';
import { benchOptions } from '../commandLine.js';

/*
 * npm run bench:palette [-- --quick] [--only social,given,taskbench,tpch,nums,beyond,real,timelines,graphs] [--graph FILE] [--seeds N] [--out FOLDER]
 *
 * The experiments of Palette (EuroSys'23), simulated with the shipped balancer, and what the paper does not show. Writes
 * results.json and index.html into the folder (docs/palette; bench-results/palette for a quick run), and from docs/palette
 * the claims of README.md. Each section is written as it ends; until then, that of an earlier run stays. With --graph, the social network is simulated on that graph, too (`given`),
 * and measured on it (`real`, `timelines`).
 */

/** Of these the parts run in threads, side by side. */
const SIMULATED: Readonly<Record<string, Experiment>> = {
  social: socialExperiment,
  given: givenSocialExperiment,
  taskbench: taskBenchExperiment,
  tpch: tpchExperiment,
  nums: numsExperiment,
  beyond: beyondExperiment,
};
/** These measure, each alone. */
const REAL: Readonly<Record<string, Experiment>> = {
  real: realExperiment,
  timelines: timelinesExperiment,
  graphs: realGraphsExperiment,
};
/** Without a result if it is not asked for. */
type Experiment = (context: Context) => Promise<Section | undefined>;
const EXPERIMENTS: Readonly<Record<string, Experiment>> = { ...SIMULATED, ...REAL };
/** In which order the simulated ones begin: the longest last, so that the others are written early. */
const ORDER = ['nums', 'tpch', 'social', 'given', 'beyond', 'taskbench'];

const USAGE = `Usage: npm run bench:palette -- [options]

Repeats the experiments of Palette (EuroSys'23) in a simulation with the real balancer, and writes results.json and
index.html.

  --quick       small sizes, into bench-results/palette
  --only NAMES  some experiments, separated by commas; the other sections of results.json stay:
                ${Object.keys(EXPERIMENTS).join(', ')}
  --graph FILE  also simulate and measure the social network on this graph
  --seeds N     the number of seeds (default: 5; 2 with --quick)
  --out DIR     the folder of the results (default: docs/palette)
  --help        print this text
`;

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}

function options(): { quick: boolean; only: readonly string[]; graph: string | undefined; seeds: number; out: string } {
  const { values } = benchOptions(USAGE, {
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      graph: { type: 'string' },
      seeds: { type: 'string' },
      out: { type: 'string' },
    },
  });
  const only = values.only?.split(',') ?? Object.keys(EXPERIMENTS);
  const unknown = only.filter((name) => !Object.hasOwn(EXPERIMENTS, name));
  if (unknown.length > 0)
    fail(`unknown experiment ${unknown.join(', ')}: choose from ${Object.keys(EXPERIMENTS).join(', ')}`);
  if (values.graph !== undefined) requireGraph(values.graph);
  else if (values.only !== undefined && only.includes('given')) fail("the experiment 'given' needs --graph FILE");
  const seeds = Number(values.seeds ?? (values.quick ? 2 : 5));
  if (!Number.isInteger(seeds) || seeds < 1 || seeds > 100)
    fail(`--seeds must be a number from 1 to 100, not ${values.seeds}`);
  const out = values.out ?? (values.quick ? 'bench-results/palette' : 'docs/palette');
  return { quick: values.quick, only, graph: values.graph, seeds, out };
}

/** Fails at once, and not after a quarter of an hour. */
function requireGraph(file: string): void {
  try {
    readEdges(file);
  } catch (error) {
    fail(`--graph ${file}: ${messageOf(error)}`);
  }
}

const { quick, only, graph, seeds: count, out } = options();
const begun = performance.now();
const elapsed = (): string => `${((performance.now() - begun) / 1000).toFixed(0).padStart(4)} s`;
const seeds = Array.from({ length: count }, (_, i) => i + 1);
const progress = (text: string): void => void process.stderr.write(`${elapsed()}  ${text}\n`);
/** As it was given; of the graph's file only the name. */
const words = process.argv.slice(2).map((word) => (graph === undefined ? word : word.replace(graph, basename(graph))));
const command = ['npm run bench:palette', ...(words.length > 0 ? ['--', ...words] : [])].join(' ');
const file = `${out}/results.json`;
const sections = new Map(
  // The file is of this command. A section stays until it is measured again, so that a run that is stopped loses none.
  (existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Report).sections : []).map(
    (section): [string, Report['sections'][number]] => [section.name, section],
  ),
);
const manifest = z
  .object({ version: z.string(), devDependencies: z.record(z.string(), z.string()) })
  .parse(JSON.parse(readFileSync('package.json', 'utf8')));

function report(): Report {
  return {
    versions: {
      'palette-whisk': manifest.version,
      node: process.version,
      echarts: manifest.devDependencies['echarts'] ?? '',
    },
    processor: cpus()[0]?.model ?? 'unknown',
    processors: cpus().length,
    sections: Object.keys(EXPERIMENTS).flatMap((name) => sections.get(name) ?? []),
  };
}

/** Writes what is there so far: a run that is stopped keeps its finished experiments. */
function write(): void {
  const now = report();
  mkdirSync(out, { recursive: true });
  writeFileSync(file, `${JSON.stringify(now, undefined, 1)}\n`);
  writeFileSync(`${out}/index.html`, page(now));
}

const made = new Map<string, Section>();

/** The circumstances of a section: from its first job on, since it may wait for the threads before. */
class Circumstances implements Meter {
  #begun: number | undefined;
  #loadAverage: readonly number[] = [];
  #processorSeconds: number | undefined;

  begin(): void {
    if (this.#begun !== undefined) return;
    this.#begun = performance.now();
    this.#loadAverage = loadavg();
  }

  end(seconds: number): void {
    this.#processorSeconds = (this.#processorSeconds ?? 0) + seconds;
  }

  get run(): Run {
    return {
      command,
      date: new Date().toISOString().slice(0, 10),
      quick,
      seeds,
      loadAverage: this.#loadAverage,
      seconds: (performance.now() - (this.#begun ?? NaN)) / 1000,
      processorSeconds: this.#processorSeconds,
    };
  }
}

/** Runs an experiment and writes its section. The others go on if it fails; the run then ends with a 1. */
async function conduct(name: string, pool: JobPool | undefined): Promise<void> {
  const experiment = EXPERIMENTS[name];
  if (!experiment) return;
  const circumstances = new Circumstances();
  if (!pool) circumstances.begin();
  const context: Context = {
    quick,
    seeds,
    graph,
    progress,
    run: (job) => (pool ? pool.run(job, circumstances) : Promise.reject(new Error('a measurement has no threads'))),
  };
  try {
    const section = await experiment(context);
    if (!section) return;
    const { run } = circumstances;
    sections.set(name, { ...section, run });
    made.set(name, section);
    write();
    const used = run.processorSeconds === undefined ? '' : ` (${run.processorSeconds.toFixed(0)} s of processors)`;
    progress(`${name}: written after ${run.seconds.toFixed(0)} s${used}`);
  } catch (error) {
    process.exitCode = 1;
    progress(`${name} failed: ${error instanceof Error ? error.stack : String(error)}`);
  }
}

const simulated = ORDER.filter((name) => only.includes(name));
if (simulated.length > 0) {
  const pool = new JobPool(availableParallelism());
  await Promise.all(simulated.map((name) => conduct(name, pool)));
  await pool.close();
}
for (const name of Object.keys(REAL)) if (only.includes(name)) await conduct(name, undefined);
// Without all sections, or with old ones, figures are missing.
if (out === 'docs/palette' && process.exitCode !== 1) {
  try {
    writeFileSync('README.md', withClaims(readFileSync('README.md', 'utf8'), report()));
  } catch (error) {
    progress(`README.md keeps its claims: ${error instanceof Error ? error.message : String(error)}`);
  }
}
for (const { title, findings } of made.values()) {
  for (const { claim, paper, here, verdict } of findings) {
    console.log(`${title}: ${claim}\n  paper: ${paper}\n  here:  ${here}\n  ${verdict}`);
  }
}
const { user, system } = process.cpuUsage();
console.log(
  `${elapsed().trim()} (${((user + system) / 1e6).toFixed(0)} s of this process); wrote ${out}/index.html and ${file}`,
);
