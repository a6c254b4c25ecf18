/*
 * npm run bench:spinning [-- --drivers sandbox,process --spinning N --rounds N --seconds N]
 *
 * How much containers that never stop to compute slow the server down. For each driver that is usable here, in turns:
 * at rest, and while `--spinning` containers (default: twice the processors) are in an endless loop. Calls, one after the
 * other: `GET /ping`, a list of actions, and a blocking invocation of a small action in a slot that is free. Prints the
 * medians and 99th percentiles in ms of all rounds, and the ratios of the latter.
 */
import { availableParallelism, loadavg } from 'node:os';
import { Pool } from 'undici';
import * as z from 'zod';
import { detectOci } from '../../invoker/containers/oci/detect.js';
import { detectSandbox } from '../../invoker/containers/process/sandbox.js';
import { dockerForBench } from './needed.js';
import { startStandalone, type BenchServer } from './server.js';
import { latencies } from './statistics.js';
import { verdict, type Target } from './verdict.js';
import { benchOptions } from './commandLine.js';

const USAGE = `Usage: npm run bench:spinning -- [options]

Measures how much endless loops in containers slow the server down, with each driver that works here, in turns.

  --drivers NAMES  some of docker,oci,sandbox,process (default: all)
  --spinning N     the number of containers in an endless loop (default: twice the processors)
  --rounds N       the number of rounds (default: 3)
  --seconds N      the duration of a measurement (default: 10)
  --help           print this text
`;

const { values } = benchOptions(USAGE, {
  options: {
    drivers: { type: 'string', default: 'docker,oci,sandbox,process' },
    spinning: { type: 'string', default: String(2 * availableParallelism()) },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '10' },
  },
});
const SPINNING = Number(values.spinning);
const ROUNDS = Number(values.rounds);
const MEASURE_MS = 1000 * Number(values.seconds);
/** Beyond the measurement, so that no container stops before its end. */
const SPIN_MS = MEASURE_MS + 5000;
const START_MS = 60_000;
const PAUSE_MS = 10;
const MAX_RATIO = 5;
const STEPS = ['ping', 'list', 'invocation'] as const;
type Samples = Record<(typeof STEPS)[number], number[]>;

const USABLE: Readonly<Record<string, () => Promise<{ readonly usable: boolean; readonly reason?: string }>>> = {
  docker: () => dockerForBench(),
  oci: detectOci,
  sandbox: detectSandbox,
  process: () => Promise.resolve({ usable: true }),
};

const targets: Target[] = [];
/** The median of a ping at rest, by driver and round: says whether other work disturbs the machine. */
const atRest: Record<string, number[]> = {};
for (const driver of values.drivers.split(',')) {
  const found = (await USABLE[driver]?.()) ?? { usable: false, reason: 'there is no such driver' };
  if (found.usable) await compare(driver);
  else console.log(`without ${driver}: ${found.reason ?? ''}`);
}
console.log(`\n99th percentiles of at most ${MAX_RATIO} times those at rest: ${verdict(atRest, targets)}`);

async function compare(driver: string): Promise<void> {
  const server = await startStandalone([
    `--${driver}`,
    '--memory',
    String(256 * (SPINNING + 1)),
    '--no-catalog',
    '--quiet',
  ]);
  const client = new Pool(server.url, { connections: 1 });
  try {
    await put(server, 'small', 'function main() { return { done: true } }');
    await put(
      server,
      'spin',
      'function main({ ms }) { const end = Date.now() + ms; while (Date.now() < end); return {} }',
    );
    await server.request('POST', '/actions/small?blocking=true', {});
    const rest = empty();
    const spinning = empty();
    const loads = { rest: [] as number[], spinning: [] as number[] };
    for (let round = 0; round < ROUNDS; round++) {
      const before = rest.ping.length;
      await measure(server, client, rest);
      (atRest[`ping at rest (${driver})`] ??= []).push(latencies(rest.ping.slice(before)).p50);
      loads.rest.push(loadavg()[0] ?? NaN);
      const ids = await Promise.all(
        Array.from({ length: SPINNING }, () => server.request('POST', '/actions/spin', { ms: SPIN_MS })),
      );
      await untilBusy(client, SPINNING);
      await measure(server, client, spinning);
      loads.spinning.push(loadavg()[0] ?? NaN);
      for (const { activationId } of ids) await untilRecorded(server, z.string().parse(activationId));
    }
    print(driver, rest, spinning, loads);
  } finally {
    await client.destroy();
    await server.stop();
  }
}

function empty(): Samples {
  return { ping: [], list: [], invocation: [] };
}

async function put(server: BenchServer, name: string, code: string): Promise<void> {
  const limits = { memory: 256, timeout: 300_000 };
  await server.request('PUT', `/actions/${name}?overwrite=true`, { exec: { kind: 'nodejs:20', code }, limits });
}

async function measure(server: BenchServer, client: Pool, samples: Samples): Promise<void> {
  const calls: Readonly<Record<(typeof STEPS)[number], () => Promise<unknown>>> = {
    ping: async () => (await client.request({ path: '/ping', method: 'GET' })).body.dump(),
    list: () => server.request('GET', '/actions'),
    invocation: () => server.request('POST', '/actions/small?blocking=true&result=true', {}),
  };
  const end = performance.now() + MEASURE_MS;
  while (performance.now() < end) {
    for (const step of STEPS) {
      const start = performance.now();
      await calls[step]();
      samples[step].push(performance.now() - start);
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

/** Waits until so many containers run an activation. */
async function untilBusy(client: Pool, count: number): Promise<void> {
  const end = performance.now() + START_MS;
  for (;;) {
    const { body } = await client.request({ path: '/metrics', method: 'GET' });
    const busy = /^invoker_containers\{[^}]*state="busy"[^}]*\} (\d+)/m.exec(await body.text())?.[1];
    if (Number(busy) >= count) return;
    if (performance.now() > end) throw new Error(`only ${busy} of ${count} containers spin after ${START_MS / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function untilRecorded(server: BenchServer, id: string): Promise<void> {
  const end = performance.now() + SPIN_MS + START_MS;
  while ((await server.request('GET', `/activations/${id}`, undefined, 404))['end'] === undefined) {
    if (performance.now() > end) throw new Error(`activation ${id} has not ended`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

function print(driver: string, rest: Samples, spinning: Samples, loads: { rest: number[]; spinning: number[] }): void {
  const load = (of: readonly number[]): string => latencies(of).p50.toFixed(1);
  const cells = (texts: readonly string[]): string => texts.map((text) => text.padStart(14)).join('');
  console.log(
    `\n${`${driver}, ${SPINNING} spinning (ms)`.padEnd(26)}${cells(['rest p50', 'p99', 'spinning p50', 'p99', 'ratio of p99'])}` +
      `   load ${load(loads.rest)}, ${load(loads.spinning)}`,
  );
  for (const step of STEPS) {
    const [before, after] = [latencies(rest[step]), latencies(spinning[step])];
    const ratio = after.p99 / before.p99;
    targets.push({ name: `${step} (${driver})`, met: ratio <= MAX_RATIO });
    const figures = [before.p50, before.p99, after.p50, after.p99].map((ms) => ms.toFixed(2));
    console.log(`${step.padEnd(26)}${cells([...figures, ratio.toFixed(2)])}`);
  }
}
