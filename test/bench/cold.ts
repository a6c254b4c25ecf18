/*
 * npm run bench:cold [-- --rounds N]
 *
 * Starts and destroys containers of Node.js by each driver that is usable here, in turns, so that a machine whose speed
 * drifts favours none. Prints medians in ms, and beside each driver the machine's load average while it was measured.
 *
 *   created       the driver's `create`
 *   answered      `create`, `/init` and the first `/run`: a cold start without the server
 *   prewarmed     `/init` and the first `/run` of a container that has waited: what a stem cell adds to a call
 *   paused, resumed
 *   freed         from `destroy` of a paused container until its processes have ended: so long waits a start in a pool that
 *                 is full of idle containers, and has not evicted one in advance
 *   destroyed     … until nothing is left of it
 */
import { loadavg } from 'node:os';
import type { Container, ContainerDriver } from '../../invoker/containers/ContainerDriver.js';
import { DockerDriver } from '../../invoker/containers/docker/DockerDriver.js';
import { actionNetwork, ISOLATED_NETWORK } from '../../invoker/containers/docker/network.js';
import { detectOci } from '../../invoker/containers/oci/detect.js';
import { openBridge } from '../../invoker/containers/oci/OciNetworks.js';
import { ProcessDriver } from '../../invoker/containers/process/ProcessDriver.js';
import { detectSandbox } from '../../invoker/containers/process/sandbox.js';
import { silentLogger as logger } from '../../shared/logging/Logger.js';
import { RUNTIME_IMAGE } from '../../shared/runtimes/image.js';
import { ociDriver, ociSubnet } from '../suites/ociDriver.js';
import { dockerForBench } from './needed.js';
import { latencies } from './statistics.js';
import { benchOptions } from './commandLine.js';

const USAGE = `Usage: npm run bench:cold -- [options]

Measures cold starts, pauses and removals of containers with each driver that works here, in turns.

  --rounds N  the number of starts with each driver (default: 20)
  --help      print this text
`;

const { values } = benchOptions(USAGE, { options: { rounds: { type: 'string', default: '20' } } });
const ROUNDS = Number(values.rounds);
/** The rest before each start, in ms: what the last one left to do is done, and networks are prepared again. */
const REST_MS = 800;
/** How long a container waits before it counts as prewarmed, in ms: its runtime has rehearsed then. */
const STOCK_MS = 500;
const STEPS = ['created', 'answered', 'prewarmed', 'paused', 'resumed', 'freed', 'destroyed'] as const;
const POST = { timeoutMs: 20_000, maxResponseBytes: 1000, truncationBytes: 1000 };

interface Measured {
  readonly name: string;
  readonly driver: ContainerDriver;
  readonly samples: Record<(typeof STEPS)[number], number[]>;
  readonly loads: number[];
}

const drivers: Measured[] = [];
const add = (name: string, driver: ContainerDriver): void => {
  const samples = { created: [], answered: [], prewarmed: [], paused: [], resumed: [], freed: [], destroyed: [] };
  drivers.push({ name, driver, samples, loads: [] });
};

const owner = `bench-cold-${process.pid}`;
const found = await dockerForBench();
if (found.usable) {
  const { name: network } = await actionNetwork(found.docker, ISOLATED_NETWORK);
  const common = { docker: found.docker, reach: found.reach, logger, network };
  add('docker', new DockerDriver({ ...common, owner: `${owner}-plain` }));
  add('docker, prepared network', new DockerDriver({ ...common, owner: `${owner}-prepared`, preparedNetworks: 1 }));
} else console.log(`without docker: ${found.reason}`);
const oci = await detectOci('crun');
if (oci.usable) {
  await openBridge(ociSubnet);
  add('oci', ociDriver(oci.docker, `${owner}-oci`, { preparedNetworks: 1, program: oci.program }));
} else console.log(`without oci: ${oci.reason}`);
const runc = await detectOci('runc');
if (runc.usable) add('oci, runc', ociDriver(runc.docker, `${owner}-runc`, { preparedNetworks: 1, program: 'runc' }));
else console.log(`without runc: ${runc.reason}`);
const sandbox = await detectSandbox();
if (sandbox.usable) add('sandbox', new ProcessDriver({ owner: `${owner}-sandbox`, logger, sandbox: true }));
else console.log(`without sandbox: ${sandbox.reason}`);
add('process', new ProcessDriver({ owner: `${owner}-process`, logger }));

try {
  for (const { driver } of drivers) await driver.removeLeftovers();
  // The first start of each is not counted: it loads and compiles.
  for (const one of drivers) await measure(one, 'warm-up');
  for (const { samples, loads } of drivers) {
    for (const step of STEPS) samples[step].length = 0;
    loads.length = 0;
  }
  for (let round = 1; round <= ROUNDS; round++) {
    for (const one of drivers) await measure(one, String(round));
    if (round % 5 === 0) console.log(`round ${round} of ${ROUNDS}`);
  }
} finally {
  for (const { driver } of drivers) await driver.close();
}
print();

async function measure({ driver, samples, loads }: Measured, round: string): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, REST_MS));
  loads.push(loadavg()[0] ?? NaN);
  const step = async <T>(name: (typeof STEPS)[number], since: number, work: Promise<T>): Promise<T> => {
    const result = await work;
    samples[name].push(performance.now() - since);
    return result;
  };
  const start = performance.now();
  const container = await step('created', start, create(driver, round));
  await step('answered', start, firstCall(container));
  await step('paused', performance.now(), container.pause());
  await step('resumed', performance.now(), container.resume());
  await container.pause();
  const removal = performance.now();
  const freed = step('freed', removal, container.released);
  await step('destroyed', removal, container.destroy());
  await freed;

  const waiting = await create(driver, `${round}_waiting`);
  await new Promise((resolve) => setTimeout(resolve, STOCK_MS));
  await step('prewarmed', performance.now(), firstCall(waiting));
  await waiting.destroy();
}

function create(driver: ContainerDriver, name: string): Promise<Container> {
  return driver.create({
    name: `${owner}_${name}`,
    image: { kind: 'nodejs:20', reference: RUNTIME_IMAGE, pull: false },
    memoryMB: 256,
    environment: {},
    concurrency: 1,
  });
}

async function firstCall(container: Container): Promise<void> {
  const code = 'function main() { return { done: true } }';
  await container.post('/init', JSON.stringify({ value: { name: 'bench', main: 'main', code } }), POST);
  const { body } = await container.post('/run', '{"value":{}}', POST);
  if (body !== '{"done":true}') throw new Error(`unexpected result ${body}`);
}

function print(): void {
  const width = 28;
  const cells = (texts: readonly string[]): string => texts.map((text) => text.padStart(11)).join('');
  console.log(`\n${`median of ${ROUNDS} (ms)`.padEnd(width)}${cells([...STEPS, 'of docker', 'load'])}`);
  const base = latencies(drivers[0]?.samples.answered ?? []).p50;
  for (const { name, samples, loads } of drivers) {
    const medians = STEPS.map((step) => latencies(samples[step]).p50.toFixed(1));
    const ratio = (latencies(samples.answered).p50 / base).toFixed(2);
    console.log(`${name.padEnd(width)}${cells([...medians, ratio, latencies(loads).p50.toFixed(2)])}`);
  }
}
