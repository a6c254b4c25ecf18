/*
 * A process of its own that asks a server for `/ping` all the time, and tells its parent how long the slowest answer took.
 *
 *   node dist/test/bench/pinger.js URL
 *
 * To each message of its parent it answers `{ worstMs, answers }`, and begins anew.
 */
import { Pool } from 'undici';

const INTERVAL_MS = 10;

const pool = new Pool(process.argv[2] ?? '', { connections: 4 });
let worstMs = 0;
let answers = 0;

async function ping(): Promise<void> {
  const begun = performance.now();
  const { body } = await pool.request({ path: '/ping', method: 'GET' });
  await body.dump();
  worstMs = Math.max(worstMs, performance.now() - begun);
  answers++;
}

process.on('message', () => {
  process.send?.({ worstMs, answers });
  worstMs = 0;
  answers = 0;
});
process.on('disconnect', () => process.exit());

for (;;) {
  await Promise.all([ping(), new Promise((resolve) => setTimeout(resolve, INTERVAL_MS))]);
}
