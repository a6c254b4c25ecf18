/*
 * npm run bench:accepted [-- --quick]
 *
 * Measures how many non-blocking invocations a second the standalone server accepts with 8 connections, and how long one takes
 * to accept, with `--durability disk` and `process` in turns. Actions run in one process container meanwhile.
 */
import { loadavg } from 'node:os';
import { startStandalone } from './server.js';
import { latencies, throughput, timed } from './statistics.js';
import { benchOptions } from './commandLine.js';

const USAGE = `Usage: npm run bench:accepted -- [options]

Measures how many non-blocking invocations a second the standalone server accepts, with --durability disk and process in
turns.

  --quick  measure for a shorter time
  --help   print this text
`;

const { values } = benchOptions(USAGE, { options: { quick: { type: 'boolean', default: false } } });
const ROUNDS = values.quick ? 1 : 3;
const LOAD_MS = values.quick ? 2000 : 4000;
const CALLS = 500;
const CONNECTIONS = 8;

process.env['LIMITS_ACTIONS_INVOKES_PERMINUTE'] = '10000000';
process.env['LIMITS_ACTIONS_INVOKES_CONCURRENT'] = '1000000';

const rows: Record<string, object> = {};
for (let round = 1; round <= ROUNDS; round++) {
  for (const durability of ['disk', 'process']) {
    const server = await startStandalone(['--process', '--no-catalog', '--memory', '256', '--durability', durability]);
    try {
      await server.request('PUT', '/actions/noop', {
        exec: { kind: 'nodejs:default', code: 'function main() { return {}; }' },
      });
      const accept = async (): Promise<void> => {
        await server.request('POST', '/actions/noop', {});
      };
      // Compile the code of the path before the measurement.
      await throughput(CONNECTIONS, LOAD_MS, accept);
      const { p50, p99 } = latencies(await timed(CALLS, accept));
      const rate = await throughput(CONNECTIONS, LOAD_MS, accept);
      rows[`${durability}, round ${round}`] = {
        'p50 (ms)': p50.toFixed(2),
        'p99 (ms)': p99.toFixed(2),
        'accepted a second': Math.round(rate),
        'load average': (loadavg()[0] ?? 0).toFixed(1),
      };
    } finally {
      await server.stop();
    }
  }
}
console.table(rows);
