/*
 * npm run bench [-- --quick] [--standalone-only]
 *
 * Starts the standalone server with Docker, and a controller and an invoker on Kafka and CouchDB, and measures each beside bare
 * containers of the same image, in turns, so that a machine whose speed drifts does not favour either. Prints what it
 * measured, differences and ratios, and draws the latencies' distributions into bench-results/.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { eventually } from '../e2e/eventually.js';
import { startBareContainers, type BareContainer } from './bareContainers.js';
import { cumulativePlot } from './plot.js';
import { startDistributed, startStandalone, type BenchServer, type ResidentMemory } from './server.js';
import { latencies, throughput, timed, type Latencies } from './statistics.js';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    'standalone-only': { type: 'boolean', default: false },
    image: { type: 'string', default: 'palette-whisk/action-nodejs:local' },
  },
});
const ROUNDS = values.quick ? 2 : 5;
const CALLS = values.quick ? 200 : 500;
const LOAD_MS = values.quick ? 1500 : 4000;
/**
 * Processes, containers and the broker compile their code as they run it, some of it after thousands of calls: a load begins
 * to count when it gets no faster.
 */
const WARM_UP_STEP_MS = 5000;
const WARM_UP_MAX_MS = values.quick ? 25_000 : 90_000;
const CONNECTIONS = 8;
const STARTS = values.quick ? 3 : 7;
const CODE = "function main(args) { return { greeting: 'Hello ' + (args.name || 'stranger') + '!' }; }";

/** Ends its process, and its last words are the time. */
const CRASH =
  'function main() { setTimeout(() => { console.log(Date.now()); process.exit(1); }, 50); return new Promise(() => {}); }';

/** What was measured of one installation, and of the bare containers beside it. */
interface Measured {
  readonly name: string;
  readonly bare: Latencies;
  readonly api: Latencies;
  /** Calls a second with `CONNECTIONS` connections. */
  readonly bareRate: number;
  readonly apiRate: number;
  readonly coldMs: number;
  readonly prewarmedMs: number;
  readonly crashMs: number;
  readonly memory: Record<string, ResidentMemory>;
  readonly firstAnswerMs: number;
}

const bare = await startBareContainers(values.image, CONNECTIONS, CODE);
const measured: Measured[] = [];
try {
  measured.push(await measure('standalone', () => startStandalone(['--docker', '--no-catalog'])));
  if (!values['standalone-only']) measured.push(await measure('distributed', () => startDistributed()));
} finally {
  await bare.remove();
}
for (const one of measured) print(one);
console.log(`
targets       added p50    calls ratio or rate    resident MB    first answer    crash told
standalone    <= 2 ms      >= 0.35                < 150          < 1500 ms
distributed   p50 <= 5 ms  >= 600 a second        < 130 each                     < 100 ms`);
mkdirSync('bench-results', { recursive: true });
writeFileSync(
  'bench-results/latency.svg',
  cumulativePlot('A warm call, one at a time', [
    { name: 'bare container', color: '#888', samples: measured[0]?.bare.samples ?? [] },
    { name: 'standalone', color: '#b3005e', samples: measured[0]?.api.samples ?? [] },
    ...measured.slice(1).map(({ name, api }) => ({ name, color: '#00639b', samples: api.samples })),
  ]),
);
console.log('drawn: bench-results/latency.svg');

async function measure(name: string, start: () => Promise<BenchServer>): Promise<Measured> {
  console.log(`${name}: starting`);
  const server = await start();
  try {
    await server.request('PUT', '/actions/warm?overwrite=true', { exec: { kind: 'nodejs:20', code: CODE } });
    const invoke = async (action = 'warm'): Promise<void> => {
      const answer = await server.request('POST', `/actions/${action}?blocking=true&result=true`, { name: 'bench' });
      if (answer['greeting'] !== 'Hello bench!') throw new Error(`unexpected result ${JSON.stringify(answer)}`);
    };
    const run = async (container: number): Promise<void> => {
      await (bare.containers[container] as BareContainer).run({ name: 'bench' });
    };
    /** The median first call of new actions, whose containers have `memory` MB. */
    const starts = async (kind: string, memory: number, pauseMs: number): Promise<number> => {
      console.log(`${name}: ${STARTS} ${kind} starts`);
      const durations: number[] = [];
      for (let i = 0; i < STARTS; i++) {
        const action = `${kind}${i}`;
        const exec = { kind: 'nodejs:20', code: CODE };
        await server.request('PUT', `/actions/${action}?overwrite=true`, { exec, limits: { memory } });
        // A prewarmed container that was taken is replaced in the meantime.
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
        durations.push(...(await timed(1, () => invoke(action))));
      }
      return latencies(durations).p50;
    };
    const prewarmedMs = await starts('prewarmed', 256, 3000);
    const coldMs = await starts('cold', 512, 0);

    /** The median time from the end of a container under an action until its caller knows. */
    const crashes = async (): Promise<number> => {
      console.log(`${name}: ${STARTS} crashes`);
      const durations: number[] = [];
      await server.request('PUT', '/actions/crash?overwrite=true', { exec: { kind: 'nodejs:20', code: CRASH } });
      for (let i = 0; i < STARTS; i++) {
        const { activationId } = await server.request('POST', '/actions/crash?blocking=true', {}, 502);
        const told = Date.now();
        const { logs } = await eventually(() => server.request('GET', `/activations/${activationId as string}`));
        durations.push(told - Number(/stdout: (\d+)$/.exec((logs as string[])[0] ?? '')?.[1]));
      }
      return latencies(durations).p50;
    };
    const crashMs = await crashes();

    console.log(`${name}: warming up, ${CONNECTIONS} containers`);
    await warmUp(run);
    await warmUp(() => invoke());
    const samples = { bare: [] as number[], api: [] as number[] };
    const load = { bare: [] as number[], api: [] as number[] };
    for (let round = 1; round <= ROUNDS; round++) {
      console.log(`${name}: round ${round} of ${ROUNDS}`);
      samples.bare.push(...(await timed(CALLS, () => run(0))));
      samples.api.push(...(await timed(CALLS, () => invoke())));
      load.bare.push(await throughput(CONNECTIONS, LOAD_MS, run));
      load.api.push(await throughput(CONNECTIONS, LOAD_MS, () => invoke()));
    }
    return {
      name,
      bare: latencies(samples.bare),
      api: latencies(samples.api),
      bareRate: latencies(load.bare).p50,
      apiRate: latencies(load.api).p50,
      coldMs,
      prewarmedMs,
      crashMs,
      memory: server.memory(),
      firstAnswerMs: server.firstAnswerMs,
    };
  } finally {
    await server.stop();
  }
}

/** Runs `task` until two steps in a row were no faster than the fastest before, or the time is over. */
async function warmUp(task: (connection: number) => Promise<void>): Promise<void> {
  let best = 0;
  let slower = 0;
  for (let ms = 0; ms < WARM_UP_MAX_MS && slower < 2; ms += WARM_UP_STEP_MS) {
    const rate = await throughput(CONNECTIONS, WARM_UP_STEP_MS, task);
    slower = rate > best * 1.02 ? 0 : slower + 1;
    best = Math.max(best, rate);
  }
}

function print({
  name,
  bare,
  api,
  bareRate,
  apiRate,
  coldMs,
  prewarmedMs,
  crashMs,
  memory,
  firstAnswerMs,
}: Measured): void {
  const resident = Object.entries(memory).map(
    ([process, { total, files }]) => `${process} ${total.toFixed(0)} (${files.toFixed(0)} of it files)`,
  );
  console.log(`
${name.padEnd(30)}    bare /run   warm blocking      added    ratio
p50, one at a time (ms)       ${row(bare.p50, api.p50)}
p99, one at a time (ms)       ${row(bare.p99, api.p99)}
calls a second, ${CONNECTIONS} connections ${row(bareRate, apiRate, 0)}
cold start, median (ms)       ${cell(coldMs, 0)}
prewarmed start, median (ms)  ${cell(prewarmedMs, 0)}
crash told, median (ms)       ${cell(crashMs, 0)}
first answer (ms)             ${cell(firstAnswerMs, 0)}
resident memory (MB)             ${resident.join(', ')}`);
}

function row(bare: number, api: number, digits = 2): string {
  return cell(bare, digits) + cell(api, digits) + cell(api - bare, digits) + cell(api / bare);
}

function cell(value: number, digits = 2): string {
  return value.toFixed(digits).padStart(13);
}
