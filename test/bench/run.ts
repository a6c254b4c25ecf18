/*
 * npm run bench [-- --quick]
 *
 * Starts the standalone server with Docker and measures it beside bare containers of the same image, in turns, so that
 * a machine whose speed drifts does not favour either. Prints what it measured, differences and ratios, and draws the
 * latencies' distributions into bench-results/.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { startBareContainers } from './bareContainers.js';
import { cumulativePlot } from './plot.js';
import { residentMB, startServer } from './server.js';
import { latencies, throughput, timed } from './statistics.js';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    image: { type: 'string', default: 'palette-whisk/action-nodejs:local' },
  },
});
const ROUNDS = values.quick ? 2 : 6;
const CALLS = values.quick ? 200 : 500;
const LOAD_MS = values.quick ? 1500 : 4000;
const CONNECTIONS = 8;
const STARTS = values.quick ? 3 : 7;
const CODE = "function main(args) { return { greeting: 'Hello ' + (args.name || 'stranger') + '!' }; }";

console.log('starting the server and the bare containers');
const server = await startServer(['--docker', '--no-catalog']);
const bare = await startBareContainers(values.image, CONNECTIONS, CODE);
try {
  await server.request('PUT', '/actions/warm?overwrite=true', { exec: { kind: 'nodejs:20', code: CODE } });
  const invoke = async (action = 'warm'): Promise<void> => {
    const answer = await server.request('POST', `/actions/${action}?blocking=true&result=true`, { name: 'bench' });
    if (answer['greeting'] !== 'Hello bench!') throw new Error(`unexpected result ${JSON.stringify(answer)}`);
  };
  const run = async (container: number): Promise<void> => {
    await bare.containers[container]?.run({ name: 'bench' });
  };

  const prewarmed = await starts('prewarmed', 256, 3000);
  const cold = await starts('cold', 512, 0);

  console.log(`warming up (${CONNECTIONS} containers each)`);
  await throughput(CONNECTIONS, LOAD_MS, () => invoke());
  await throughput(CONNECTIONS, 500, run);

  const samples = { bare: [] as number[], api: [] as number[] };
  const load = { bare: [] as number[], api: [] as number[] };
  for (let round = 1; round <= ROUNDS; round++) {
    console.log(`round ${round} of ${ROUNDS}`);
    samples.bare.push(...(await timed(CALLS, () => run(0))));
    samples.api.push(...(await timed(CALLS, () => invoke())));
    load.bare.push(await throughput(CONNECTIONS, LOAD_MS, run));
    load.api.push(await throughput(CONNECTIONS, LOAD_MS, () => invoke()));
  }
  const memory = residentMB(server.pid);

  const one = { bare: latencies(samples.bare), api: latencies(samples.api) };
  const rate = { bare: latencies(load.bare).p50, api: latencies(load.api).p50 };
  console.log(`
                                   bare /run   warm blocking      added    ratio
p50, one at a time (ms)        ${cell(one.bare.p50)}${cell(one.api.p50)}${cell(one.api.p50 - one.bare.p50)}${cell(one.api.p50 / one.bare.p50)}
p99, one at a time (ms)        ${cell(one.bare.p99)}${cell(one.api.p99)}${cell(one.api.p99 - one.bare.p99)}${cell(one.api.p99 / one.bare.p99)}
calls a second, 8 connections  ${cell(rate.bare, 0)}${cell(rate.api, 0)}${cell(rate.api - rate.bare, 0)}${cell(rate.api / rate.bare)}

cold start, median (ms)        ${cell(cold, 0)}
prewarmed start, median (ms)   ${cell(prewarmed, 0)}
resident memory (MB)           ${cell(memory, 0)}
start to first answer (ms)     ${cell(server.firstAnswerMs, 0)}

targets: added p50 <= 2 ms, throughput ratio >= 0.35, resident < 150 MB, first answer < 1500 ms`);
  mkdirSync('bench-results', { recursive: true });
  writeFileSync(
    'bench-results/latency.svg',
    cumulativePlot('A warm call, one at a time', [
      { name: 'bare container', color: '#888', samples: one.bare.samples },
      { name: 'through the API', color: '#b3005e', samples: one.api.samples },
    ]),
  );
  console.log('drawn: bench-results/latency.svg');

  async function starts(name: string, memoryMB: number, pauseMs: number): Promise<number> {
    console.log(`${STARTS} ${name} starts`);
    const durations: number[] = [];
    for (let i = 0; i < STARTS; i++) {
      const action = `${name}${i}`;
      await server.request('PUT', `/actions/${action}`, {
        exec: { kind: 'nodejs:20', code: CODE },
        limits: { memory: memoryMB },
      });
      // A prewarmed container that was taken is replaced in the meantime.
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      durations.push(...(await timed(1, () => invoke(action))));
    }
    return latencies(durations).p50;
  }
} finally {
  await bare.remove();
  await server.stop();
}

function cell(value: number, digits = 2): string {
  return value.toFixed(digits).padStart(13);
}
