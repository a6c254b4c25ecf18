/*
 * npm run bench [-- --quick] [--standalone-only]
 *
 * Starts the standalone server with Docker, and a controller and an invoker on Kafka and CouchDB, and measures each beside bare
 * containers of the same image, in turns, so that a machine whose speed drifts does not favour either. Prints what it
 * measured, differences and ratios, and beside each figure the machine's load average while it was measured. Judges the
 * targets, unless the bare container varied by more than half. Draws the latencies' distributions into bench-results/.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { messageOf } from '../../shared/errors/reasons.js';
import { eventually } from '../e2e/eventually.js';
import { startBareContainers, type BareContainer } from './bareContainers.js';
import { dockerForBench, endWithout } from './needed.js';
import { cumulativePlot } from './plot.js';
import { startDistributed, startStandalone, type BenchServer, type ResidentMemory } from './server.js';
import { latencies, throughput, timed, type Latencies } from './statistics.js';
import { startHops, type Hops } from './hops.js';
import { verdict, type Target } from './verdict.js';
import { benchOptions } from './commandLine.js';

const USAGE = `Usage: npm run bench -- [options]

Measures the standalone server, and a controller and an invoker on Kafka and CouchDB, beside bare containers of the same
image, in turns. Prints latencies, rates, ratios and the load average, and judges the targets. Needs Docker.

  --quick            measure for a shorter time
  --standalone-only  leave out the distributed pair
  --image IMAGE      the image of the containers (default: palette-whisk/action-nodejs:local)
  --help             print this text
`;

const { values } = benchOptions(USAGE, {
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
/** The library of the processes and of the bare hops. */
const KAFKA_CLIENT = process.env['KAFKA_CLIENT'] === 'platformatic' ? 'platformatic' : 'kafkajs';
const CODE = "function main(args) { return { greeting: 'Hello ' + (args.name || 'stranger') + '!' }; }";

/** Ends its process, and its last words are the time. */
const CRASH =
  'function main() { setTimeout(() => { console.log(Date.now()); process.exit(1); }, 50); return new Promise(() => {}); }';

/** A figure, and the median load average while it was measured. */
interface Figure {
  readonly value: number;
  readonly load: number;
}

/** What was measured of one installation, and of the bare containers beside it. */
interface Measured {
  readonly name: string;
  readonly bare: Latencies;
  readonly api: Latencies;
  readonly latencyLoad: number;
  /** Calls a second with `CONNECTIONS` connections. */
  readonly bareRate: number;
  readonly apiRate: number;
  readonly rateLoad: number;
  /** The way of a message over Kafka and back, without any other work; undefined: there is no Kafka. */
  readonly hops: Latencies | undefined;
  /** What the bare container measured, round by round. */
  readonly bareRounds: { readonly p50: readonly number[]; readonly rate: readonly number[] };
  readonly coldMs: Figure;
  readonly prewarmedMs: Figure;
  readonly crashMs: Figure;
  readonly memory: Record<string, ResidentMemory>;
  readonly firstAnswerMs: Figure;
}

const docker = await dockerForBench(values.image);
if (!docker.usable) endWithout('Docker', docker.reason);
const bare = await startBareContainers(values.image, CONNECTIONS, CODE);
const measured: Measured[] = [];
try {
  measured.push(await measure('standalone', () => startStandalone(['--docker', '--no-catalog'])));
  if (!values['standalone-only']) await measureDistributed();
} finally {
  await bare.remove();
}
for (const one of measured) {
  print(one);
  const { p50, rate } = one.bareRounds;
  const targets = one.name === 'standalone' ? standaloneTargets(one) : distributedTargets(one);
  console.log(`targets: ${targets.map(({ name }) => name).join(', ')}`);
  console.log(
    `${one.name}: ${verdict({ "the bare container's p50": p50, [`the bare container's rate with ${CONNECTIONS} connections`]: rate }, targets)}`,
  );
}
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

/** Says in one line what Kafka or CouchDB lacks, if they cannot be started here. */
async function measureDistributed(): Promise<void> {
  let server: BenchServer;
  try {
    server = await startDistributed();
  } catch (error) {
    console.log(`distributed: not measured, since it did not start: ${messageOf(error)}`);
    return;
  }
  measured.push(await measure('distributed', async () => server));
}

async function measure(name: string, start: () => Promise<BenchServer>): Promise<Measured> {
  console.log(`${name}: starting`);
  const server = await start();
  let hops: Hops | undefined;
  const firstAnswerMs = { value: server.firstAnswerMs, load: load1() };
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
    const starts = async (kind: string, memory: number, pauseMs: number): Promise<Figure> => {
      console.log(`${name}: ${STARTS} ${kind} starts`);
      const durations: number[] = [];
      const loads: number[] = [];
      for (let i = 0; i < STARTS; i++) {
        const action = `${kind}${i}`;
        const exec = { kind: 'nodejs:20', code: CODE };
        await server.request('PUT', `/actions/${action}?overwrite=true`, { exec, limits: { memory } });
        // A prewarmed container that was taken is replaced in the meantime.
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
        durations.push(...(await timed(1, () => invoke(action))));
        loads.push(load1());
      }
      return { value: latencies(durations).p50, load: latencies(loads).p50 };
    };
    const prewarmedMs = await starts('prewarmed', 256, 3000);
    const coldMs = await starts('cold', 512, 0);

    /** The median time from the end of a container under an action until its caller knows. */
    const crashes = async (): Promise<Figure> => {
      console.log(`${name}: ${STARTS} crashes`);
      const durations: number[] = [];
      const loads: number[] = [];
      await server.request('PUT', '/actions/crash?overwrite=true', { exec: { kind: 'nodejs:20', code: CRASH } });
      for (let i = 0; i < STARTS; i++) {
        const { activationId } = await server.request('POST', '/actions/crash?blocking=true', {}, 502);
        const told = Date.now();
        const { logs } = await eventually(() => server.request('GET', `/activations/${activationId as string}`));
        durations.push(told - Number(/stdout: (\d+)$/.exec((logs as string[])[0] ?? '')?.[1]));
        loads.push(load1());
      }
      return { value: latencies(durations).p50, load: latencies(loads).p50 };
    };
    const crashMs = await crashes();

    console.log(`${name}: warming up, ${CONNECTIONS} containers`);
    await warmUp(run);
    await warmUp(() => invoke());
    const samples = { bare: [] as number[], api: [] as number[] };
    const load = { bare: [] as number[], api: [] as number[] };
    const { kafka } = server;
    const pass = kafka && (hops = await startHops(kafka.hosts, kafka.prefix, KAFKA_CLIENT)).pass;
    const hopSamples: number[] = [];
    if (pass) await timed(CALLS, pass);
    const bareP50: number[] = [];
    const loads = { latency: [] as number[], rate: [] as number[] };
    for (let round = 1; round <= ROUNDS; round++) {
      console.log(`${name}: round ${round} of ${ROUNDS}`);
      const bareSamples = await timed(CALLS, () => run(0));
      bareP50.push(latencies(bareSamples).p50);
      samples.bare.push(...bareSamples);
      samples.api.push(...(await timed(CALLS, () => invoke())));
      if (pass) hopSamples.push(...(await timed(CALLS, pass)));
      loads.latency.push(load1());
      load.bare.push(await throughput(CONNECTIONS, LOAD_MS, run));
      load.api.push(await throughput(CONNECTIONS, LOAD_MS, () => invoke()));
      loads.rate.push(load1());
    }
    return {
      name,
      bare: latencies(samples.bare),
      api: latencies(samples.api),
      latencyLoad: latencies(loads.latency).p50,
      bareRate: latencies(load.bare).p50,
      apiRate: latencies(load.api).p50,
      rateLoad: latencies(loads.rate).p50,
      hops: hops && latencies(hopSamples),
      bareRounds: { p50: bareP50, rate: load.bare },
      coldMs,
      prewarmedMs,
      crashMs,
      memory: server.memory(),
      firstAnswerMs,
    };
  } finally {
    await hops?.close();
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

function print(one: Measured): void {
  const { name, bare, api, bareRate, apiRate, coldMs, prewarmedMs, crashMs, memory, firstAnswerMs } = one;
  const resident = Object.entries(memory).map(
    ([process, { total, files }]) => `${process} ${total.toFixed(0)} (${files.toFixed(0)} of it files)`,
  );
  console.log(`
${name.padEnd(30)}    bare /run   warm blocking      added    ratio     load
p50, one at a time (ms)       ${row(bare.p50, api.p50, one.latencyLoad)}
p99, one at a time (ms)       ${row(bare.p99, api.p99, one.latencyLoad)}
calls a second, ${CONNECTIONS} connections ${row(bareRate, apiRate, one.rateLoad, 0)}
cold start, median (ms)       ${alone(coldMs)}
prewarmed start, median (ms)  ${alone(prewarmedMs)}
crash told, median (ms)       ${alone(crashMs)}
first answer (ms)             ${alone(firstAnswerMs)}
resident memory (MB)             ${resident.join(', ')}`);
  const { hops } = one;
  if (!hops) return;
  const { p50, p99 } = hops;
  const over = (api.p50 - p50).toFixed(2);
  console.log(
    `two hops over Kafka (ms)  p50 ${p50.toFixed(2)}, p99 ${p99.toFixed(2)}: a call takes ${over} more at the median`,
  );
  const standalone = measured.find((other) => other.name === 'standalone');
  if (standalone)
    console.log(`calls a second             ${(apiRate / standalone.apiRate).toFixed(2)} of standalone's`);
}

function row(bare: number, api: number, load: number, digits = 2): string {
  return cell(bare, digits) + cell(api, digits) + cell(api - bare, digits) + cell(api / bare) + cell(load);
}

function alone({ value, load }: Figure): string {
  return `${cell(value, 0)}   load ${load.toFixed(2)}`;
}

function cell(value: number, digits = 2): string {
  return value.toFixed(digits).padStart(13);
}

/** The load average of the last minute. */
function load1(): number {
  return loadavg()[0] ?? NaN;
}

function standaloneTargets({ bare, api, bareRate, apiRate, memory, firstAnswerMs }: Measured): Target[] {
  return [
    { name: 'added p50 <= 0.6 ms', met: api.p50 - bare.p50 <= 0.6 },
    { name: 'ratio of calls >= 0.4', met: apiRate / bareRate >= 0.4 },
    // The system takes back the pages of files, most of them of the embedded store, where memory is short.
    { name: 'resident without files < 150 MB', met: isBelow(memory, 150) },
    { name: 'first answer < 1500 ms', met: firstAnswerMs.value < 1500 },
  ];
}

function distributedTargets({ api, apiRate, memory, crashMs, hops }: Measured): Target[] {
  const standalone = measured.find(({ name }) => name === 'standalone');
  return [
    { name: 'p50 <= two hops + 1.5 ms', met: hops !== undefined && api.p50 - hops.p50 <= 1.5 },
    { name: "0.6 of standalone's calls", met: standalone !== undefined && apiRate / standalone.apiRate >= 0.6 },
    { name: 'p50 <= 5 ms', met: api.p50 <= 5 },
    { name: '>= 600 calls a second', met: apiRate >= 600 },
    { name: 'resident without files < 130 MB each', met: isBelow(memory, 130) },
    { name: 'crash told < 100 ms', met: crashMs.value < 100 },
  ];
}

function isBelow(memory: Record<string, ResidentMemory>, megabytes: number): boolean {
  return Object.values(memory).every(({ total, files }) => total - files < megabytes);
}
