/*
 * npm run bench:fairness [-- --process] [--distributed] [--calls N]
 *
 * Starts the standalone server, or a controller and an invoker over Kafka, with memory for four containers. A victim calls an action, one call after the other: first
 * alone, then beside a neighbour of whom 500 calls wait all the time. Prints the latencies of both, and their ratios.
 * The goal: p50 at most twice, and p99 at most three times what they are alone, plus the duration of one running action.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startDistributed, startStandalone, type BenchServer } from './server.js';
import { latencies, timed, type Latencies } from './statistics.js';
import { benchOptions } from './commandLine.js';

const USAGE = `Usage: npm run bench:fairness -- [options]

Measures the calls of a namespace alone, and beside a namespace with 500 waiting calls.

  --process      run actions as processes instead of in Docker
  --distributed  measure a controller and an invoker over Kafka instead of the standalone server
  --calls N      the number of measured calls (default: 200)
  --help         print this text
`;

const { values } = benchOptions(USAGE, {
  options: {
    process: { type: 'boolean', default: false },
    distributed: { type: 'boolean', default: false },
    calls: { type: 'string', default: '200' },
  },
});
const CALLS = Number(values.calls);
const SLOTS = 4;
const QUEUED = 500;
/** How long an action of the neighbour runs, in ms. */
const DURATION_MS = 100;
/** Between two calls of the victim, in ms. */
const PAUSE_MS = 20;
const VICTIM = '11111111-1111-4111-8111-111111111111:' + 'v'.repeat(64);
const NEIGHBOUR = '22222222-2222-4222-8222-222222222222:' + 'n'.repeat(64);
const BLOCKING = '?blocking=true&result=true';

const UNLIMITED = {
  LIMITS_ACTIONS_INVOKES_PERMINUTE: '10000000',
  LIMITS_ACTIONS_INVOKES_CONCURRENT: '100000',
};
Object.assign(process.env, UNLIMITED);

const folder = mkdtempSync(join(tmpdir(), 'palette-whisk-fairness-'));
const users = join(folder, 'users.json');
const keys = { victim: VICTIM, neighbour: NEIGHBOUR };
writeFileSync(users, JSON.stringify(keys));
const userMemoryMB = SLOTS * 256;
const driver = values.process ? 'process' : 'docker';
const server = values.distributed
  ? await startDistributed({ driver, userMemoryMB, users: keys, environment: UNLIMITED })
  : await startStandalone([`--${driver}`, '--no-catalog', '--memory', String(userMemoryMB), '--users', users]);
try {
  await create(VICTIM, 'function main(args) { return args; }');
  await create(
    NEIGHBOUR,
    `function main() { return new Promise((resolve) => setTimeout(() => resolve({}), ${DURATION_MS})); }`,
  );
  await victim(20);
  const alone = latencies(await victim(CALLS));
  const load = startLoad(server);
  await load.full;
  await victim(5);
  const beside = latencies(await victim(CALLS));
  const { served, missing } = await load.stop();
  print('alone', alone);
  print('beside', beside);
  const bounds = { p50: 2 * alone.p50 + DURATION_MS, p99: 3 * alone.p99 + DURATION_MS };
  write(`ratio    p50 ${(beside.p50 / alone.p50).toFixed(2)}, p99 ${(beside.p99 / alone.p99).toFixed(2)}`);
  write(`goal     p50 at most ${bounds.p50.toFixed(1)} ms, p99 at most ${bounds.p99.toFixed(1)} ms`);
  write(`the neighbour was served ${served} times meanwhile; ${QUEUED - missing} of its calls waited at the end`);
  if (beside.p50 > bounds.p50 || beside.p99 > bounds.p99) process.exitCode = 1;
} finally {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}

async function create(key: string, code: string): Promise<void> {
  await server.requestAs(key, 'PUT', '/actions/a?overwrite=true', { exec: { kind: 'nodejs:20', code } });
}

async function victim(calls: number): Promise<number[]> {
  const samples: number[] = [];
  for (let i = 0; i < calls; i++) {
    await sleep(PAUSE_MS);
    samples.push(
      ...(await timed(1, async () => void (await server.requestAs(VICTIM, 'POST', `/actions/a${BLOCKING}`, {})))),
    );
  }
  return samples;
}

/** Keeps `QUEUED` calls of the neighbour waiting: for each that is served it sends another. */
function startLoad(target: BenchServer) {
  const ended = new AbortController();
  let sent = 0;
  const recorded = async (): Promise<number> => {
    const { activations } = await target.requestAs(NEIGHBOUR, 'GET', '/activations?count=true');
    return Number(activations);
  };
  const send = async (count: number): Promise<void> => {
    sent += count;
    await Promise.all(Array.from({ length: count }, () => target.requestAs(NEIGHBOUR, 'POST', '/actions/a')));
  };
  const full = send(QUEUED + SLOTS);
  const refill = full.then(async () => {
    while (!ended.signal.aborted) {
      await sleep(DURATION_MS);
      const missing = QUEUED + SLOTS - (sent - (await recorded()));
      if (missing > 0) await send(missing);
    }
  });
  return {
    full,
    stop: async () => {
      ended.abort();
      await refill;
      const served = await recorded();
      return { served, missing: QUEUED + SLOTS - (sent - served) };
    },
  };
}

function print(name: string, { p50, p99, samples }: Latencies): void {
  write(`${name.padEnd(8)} p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms (${samples.length} calls)`);
}

function write(line: string): void {
  process.stdout.write(`${line}\n`);
}
