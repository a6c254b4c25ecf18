/*
 * npm run profile [-- --distributed] [--steps] [--driver process|docker] [--calls N] [--beside FOLDER] [--node=OPTION]... [--keep]
 *
 * Offers blocking and non-blocking calls of 8 connections to a standalone server, by the process driver and, where Docker is
 * up, by Docker, and prints what a call costs: processor time (in programs and in the kernel) of the process and of its main
 * thread, and the main thread's time by part of the program. Non-blocking calls are counted until they have run.
 *
 *   --calls N        the calls of one measurement (3000), and --warm-up N those before it (10000)
 *   --distributed    also a controller and an invoker, on the tests' broker and CouchDB, and the processor time of each process:
 *                    with --driver process also that of the containers
 *   --steps          nothing else: calls one at a time through a controller and an invoker, step by step in ms, beside two bare
 *                    hops over Kafka
 *   --tree FOLDER    profiles the standalone server of another compiled tree, such as an earlier version
 *   --beside FOLDER  no parts: measures this tree and the compiled tree FOLDER in turns, and prints ratios, since only they
 *                    mean something on a machine that does other work. `--beside .` is this tree again, for --node
 *   --node=OPTION    an option of Node.js for this tree's server, instead of those of `npm start`
 *   --keep           keeps the .cpuprofile files in bench-results/, for a browser's developer tools
 */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { messageOf } from '../../../shared/errors/reasons.js';
import { dockerForBench, endWithout } from '../needed.js';
import { startDistributed, startStandalone, type BenchServer } from '../server.js';
import { startHops, type Hops } from '../hops.js';
import { latencies, timed } from '../statistics.js';
import { callOnce, CONNECTIONS, createActions, LOADS, type Load } from './loads.js';
import { costs, type Cost } from './measure.js';
import { partsOfProfile } from './parts.js';
import { allProcesses, timesOfParts } from './processes.js';
import { Probed } from './Probed.js';
import { benchOptions } from '../commandLine.js';
import { stepsOf } from './steps.js';

const USAGE = `Usage: npm run profile -- [options]

Measures the processor time of a call, and shows it by part of the program, for a standalone server with processes, and
with Docker if it is up.

  --driver NAME    only this driver: process or docker
  --distributed    also a controller and an invoker, on the tests' broker and CouchDB
  --steps          only this: calls one at a time through a controller and an invoker, step by step in ms
  --calls N        the calls of one measurement (default: 3000)
  --warm-up N      the calls before a measurement (default: 10000)
  --rounds N       the number of measurements (default: 5)
  --tree DIR       profile the server of another compiled tree, such as an earlier version
  --beside DIR     measure this tree and the compiled tree DIR in turns, and print ratios
  --node=OPTION    an option of Node.js for this tree's server; may be repeated
  --keep           keep the profiles in bench-results/, for a browser's developer tools
  --help           print this text
`;

const { values } = benchOptions(USAGE, {
  options: {
    distributed: { type: 'boolean', default: false },
    steps: { type: 'boolean', default: false },
    driver: { type: 'string' },
    calls: { type: 'string', default: '3000' },
    'warm-up': { type: 'string', default: '10000' },
    rounds: { type: 'string', default: '5' },
    tree: { type: 'string' },
    beside: { type: 'string' },
    node: { type: 'string', multiple: true },
    keep: { type: 'boolean', default: false },
  },
});
const CALLS = Number(values.calls);
/** Calls that are not measured: V8 compiles some of the code of the path only after thousands. */
const WARM_UP_CALLS = Number(values['warm-up']);
const ROUNDS = Number(values.rounds);
/** The library of the processes and of the bare hops. */
const KAFKA_CLIENT = process.env['KAFKA_CLIENT'] === 'platformatic' ? 'platformatic' : 'kafkajs';
/** Shares of less are one row. */
const SMALL = 0.01;
const OWN_ROOT = new URL('../../../', import.meta.url);
/** Of the program that is profiled. */
const ROOT = values.tree === undefined ? OWN_ROOT : pathToFileURL(`${resolve(values.tree, 'dist')}/`);
const PROBE = new URL('probe.js', import.meta.url).href;

process.env['LIMITS_ACTIONS_INVOKES_PERMINUTE'] = '10000000';
process.env['LIMITS_ACTIONS_INVOKES_CONCURRENT'] = '1000000';

const folder = mkdtempSync(join(tmpdir(), 'palette-whisk-profile-'));

type Driver = 'process' | 'docker';

async function usableDrivers(): Promise<Driver[]> {
  const { driver } = values;
  if (driver !== undefined && driver !== 'process' && driver !== 'docker')
    endWithout('--driver process or docker', driver);
  if (driver === 'process') return ['process'];
  const docker = await dockerForBench();
  if (!docker.usable && driver === 'docker') endWithout('Docker', docker.reason);
  if (!docker.usable) console.log(`without docker: ${docker.reason}`);
  return docker.usable ? (driver === 'docker' ? ['docker'] : ['process', 'docker']) : ['process'];
}

function environment(probes: string): Record<string, string> {
  return { NODE_OPTIONS: `--import=${PROBE}`, PROFILE_FOLDER: probes };
}

function standalone(driver: Driver, probes: string, tree?: string): Promise<BenchServer> {
  return startStandalone([`--${driver}`, '--no-catalog', '--memory', String(CONNECTIONS * 256)], {
    environment: environment(probes),
    main: tree === undefined ? undefined : join(tree, 'dist/deploy/standalone/main.js'),
    node: tree === undefined ? values.node : undefined,
  });
}

async function profileStandalone(driver: Driver): Promise<void> {
  const server = await standalone(driver, folder, values.tree === undefined ? undefined : resolve(values.tree));
  try {
    await profile(server, `standalone, ${driver}`, [await Probed.connect(folder, 'standalone')]);
  } finally {
    await server.stop();
  }
}

async function profileDistributed(driver: Driver): Promise<void> {
  let server: BenchServer;
  try {
    server = await startDistributed({ driver, environment: environment(folder), userMemoryMB: CONNECTIONS * 256 });
  } catch (error) {
    console.log(`distributed: not measured, since it did not start: ${messageOf(error)}`);
    return;
  }
  try {
    const probes = await Promise.all(['controller', 'invoker'].map((name) => Probed.connect(folder, name)));
    await profile(server, `distributed, ${driver}`, probes);
  } finally {
    await server.stop();
  }
}

/** Calls one at a time and bare hops, in turns, and then what the steps of a call take. */
async function showSteps(driver: Driver): Promise<void> {
  const server = await startDistributed({ driver, environment: environment(folder), userMemoryMB: CONNECTIONS * 256 });
  const { kafka } = server;
  let hops: Hops | undefined;
  try {
    if (!kafka) throw new Error('there is no Kafka');
    await createActions(server);
    for (const load of LOADS.slice(0, 1)) await load.run(server, WARM_UP_CALLS);
    const call = (): Promise<void> => callOnce(server);
    hops = await startHops(kafka.hosts, kafka.prefix, KAFKA_CLIENT);
    await timed(CALLS, hops.pass);
    const samples = { calls: [] as number[], hops: [] as number[] };
    for (let round = 0; round < ROUNDS; round++) {
      samples.hops.push(...(await timed(CALLS / ROUNDS, hops.pass)));
      samples.calls.push(...(await timed(CALLS / ROUNDS, call)));
    }
    const controller = await Probed.connect(folder, 'controller');
    const invoker = await Probed.connect(folder, 'invoker');
    for (const probe of [controller, invoker]) await probe.startMarks(kafka.hosts);
    await timed(CALLS, call);
    const { steps, totalMs, found, calls } = stepsOf({
      controller: await controller.marks(),
      invoker: await invoker.marks(),
    });
    for (const probe of [controller, invoker]) probe.close();
    const [callMs, hopsMs] = [latencies(samples.calls).p50, latencies(samples.hops).p50];
    console.log(`
one call at a time, ${driver}, median in ms (load average ${(loadavg()[0] ?? 0).toFixed(1)})
a call ${callMs.toFixed(2)}, two bare hops over Kafka ${hopsMs.toFixed(2)}: ${(callMs - hopsMs).toFixed(2)} more
the steps of ${found} of ${calls} calls, ${totalMs.toFixed(2)} from the request to the answer:`);
    for (const { name, ms } of steps) console.log(`  ${name.padEnd(66)}${ms.toFixed(2).padStart(6)}`);
  } finally {
    await hops?.close();
    await server.stop();
  }
}

async function profile(server: BenchServer, name: string, probes: readonly Probed[]): Promise<void> {
  await createActions(server);
  for (const load of LOADS) {
    await load.run(server, WARM_UP_CALLS);
    const before = timesOfParts(allProcesses(), process.pid);
    const found = await costs(server, probes, load, CALLS);
    if (probes.length > 1) printTimes(`${name}: ${load.name}`, before, timesOfParts(allProcesses(), process.pid));
    probes.forEach((probe, i) => printCost(`${name}: ${load.name}, ${probe.name}`, found[i]));
    for (const [i, probe] of probes.entries()) {
      const file = await probe.profiled(() => load.run(server, CALLS));
      printParts(file, found[i]?.mainThread ?? Number.NaN);
      if (!values.keep) continue;
      mkdirSync('bench-results', { recursive: true });
      copyFileSync(file, join('bench-results', `${name.replace(', ', '-')}-${load.name}-${basename(file)}`));
    }
  }
  for (const probe of probes) probe.close();
}

/** The processor time of a call in each process: together they decide the rate of a machine whose processors are all busy. */
function printTimes(title: string, before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): void {
  console.log(`\n${title}, processor time a call in all processes`);
  let sum = 0;
  for (const [part, us] of after) {
    const time = (us - (before.get(part) ?? 0)) / CALLS;
    sum += time;
    console.log(`  ${part.padEnd(34)}${time.toFixed(0).padStart(6)} µs`);
  }
  console.log(`  ${'all'.padEnd(34)}${sum.toFixed(0).padStart(6)} µs`);
}

function printCost(title: string, cost: Cost | undefined): void {
  if (!cost) return;
  const { calls, perSecond, user, system, mainThread, loop, residentMB } = cost;
  console.log(`
${title}: ${calls} calls, ${perSecond.toFixed(0)} a second, load average ${(loadavg()[0] ?? 0).toFixed(1)}
processor time a call: ${(user + system).toFixed(0)} µs (user ${user.toFixed(0)}, system ${system.toFixed(0)}); main thread ${mainThread.toFixed(0)} µs
event loop busy ${(loop * 100).toFixed(0)} %, resident ${residentMB.toFixed(0)} MB`);
}

/** Each part with its µs a call: its share of the profile, of the main thread's time without a profiler. */
function printParts(file: string, mainThread: number): void {
  const { busy } = partsOfProfile(readFileSync(file, 'utf8'), ROOT.href);
  let small = 0;
  for (const [part, share] of busy) {
    if (share < SMALL) small += share;
    else console.log(row(part, share, mainThread));
  }
  console.log(row(`parts under ${SMALL * 100} %`, small, mainThread));
}

function row(part: string, share: number, mainThread: number): string {
  return `  ${part.padEnd(34)}${(share * mainThread).toFixed(0).padStart(6)} µs${(share * 100).toFixed(1).padStart(7)} %`;
}

/** Measures two trees in turns, round by round. */
async function compare(driver: Driver, tree: string): Promise<void> {
  const trees = [join(folder, 'this'), join(folder, 'beside')];
  for (const path of trees) mkdirSync(path, { recursive: true });
  const servers: BenchServer[] = [];
  try {
    for (const [i, path] of trees.entries()) servers.push(await standalone(driver, path, i === 0 ? undefined : tree));
    const probes = await Promise.all(trees.map((path) => Probed.connect(path, 'standalone')));
    for (const server of servers) await createActions(server);
    for (const load of LOADS) await compareLoad(driver, load, servers, probes);
    for (const probe of probes) probe.close();
  } finally {
    for (const server of servers) await server.stop();
  }
  console.log(
    `this tree: ${fileURLToPath(OWN_ROOT)}${(values.node ?? []).join(' ')}; beside it: ${pathToFileURL(tree).pathname}`,
  );
}

async function compareLoad(driver: Driver, load: Load, servers: readonly BenchServer[], probes: readonly Probed[]) {
  for (const server of servers) await load.run(server, WARM_UP_CALLS);
  const found: Cost[][] = servers.map(() => []);
  for (let round = 0; round < ROUNDS; round++) {
    // Who is first changes, so that a machine whose speed drifts favours none.
    for (const i of round % 2 === 0 ? [0, 1] : [1, 0]) {
      const [server, probe] = [servers[i], probes[i]];
      if (server && probe) found[i]?.push(...(await costs(server, [probe], load, CALLS)));
    }
  }
  console.log(`\n${driver}, ${load.name}, median of ${ROUNDS} (load average ${(loadavg()[0] ?? 0).toFixed(1)})`);
  const [own = [], other = []] = found;
  for (const [title, of] of Object.entries(FIGURES)) {
    const [mine, its] = [own, other].map((all) => latencies(all.map(of)).p50);
    const ratios = own.map((one, i) => of(one) / of(other[i] ?? one));
    console.log(
      `  ${title.padEnd(34)}${(its ?? 0).toFixed(0).padStart(8)} beside, ${(mine ?? 0).toFixed(0).padStart(8)} this tree, ratio ${latencies(ratios).p50.toFixed(3)}`,
    );
  }
}

const FIGURES: Readonly<Record<string, (cost: Cost) => number>> = {
  'processor time a call (µs)': ({ user, system }) => user + system,
  'of it in the kernel (µs)': ({ system }) => system,
  'main thread a call (µs)': ({ mainThread }) => mainThread,
  'calls a second': ({ perSecond }) => perSecond,
  'resident (MB)': ({ residentMB }) => residentMB,
};

try {
  const drivers = await usableDrivers();
  if (values.steps) for (const driver of drivers.slice(-1)) await showSteps(driver);
  for (const driver of values.steps ? [] : drivers) {
    if (values.beside === undefined) await profileStandalone(driver);
    else await compare(driver, resolve(values.beside));
  }
  if (values.distributed && !values.steps) await profileDistributed(drivers.includes('docker') ? 'docker' : 'process');
} finally {
  rmSync(folder, { recursive: true, force: true });
}
