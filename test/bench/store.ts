import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { activationDocument, type ActivationRecord } from '../../shared/entities/activation.js';
import { BatchingActivationStore } from '../../shared/store/BatchingActivationStore.js';
import { openEmbeddedStores } from '../../shared/store/embedded/open.js';
import type { Stores } from '../../shared/store/ArtifactStore.js';
import { benchArguments } from './commandLine.js';

/*
 * The embedded store with 1,000 and with 1,000,000 activations: `node dist/test/bench/store.js [NUMBER]`.
 * Exits with 1 where a list of 30 takes 10 ms or more at the larger number (median), or over twice what it takes at 1,000.
 */

const USAGE = `Usage: node dist/test/bench/store.js [NUMBER]

Measures the embedded store with 1,000 activations and with NUMBER activations (default: 1000000).

Exits with 1 if a list of 30 takes 10 ms or more, or over twice as long as with 1,000.
`;

const LARGE = Number(benchArguments(USAGE, (text) => /^[1-9]\d*$/.test(text))[0] ?? '1000000');
const SIZES = [1000, LARGE];
const LISTS = 400;
const TARGET_MS = 10;
const TARGET_RATIO = 2;

function record(n: number): ActivationRecord {
  const name = `action${n % 10}`;
  return {
    activationId: n.toString(16).padStart(32, '0'),
    namespace: 'guest',
    name,
    version: '0.0.1',
    subject: 'guest',
    publish: false,
    start: 1_700_000_000_000 + n,
    end: 1_700_000_000_005 + n,
    duration: 5,
    response: { statusCode: 0, result: { greeting: 'Hello' }, size: 20 },
    logs: ['2026-01-01T00:00:00.000000000Z stdout: one', '2026-01-01T00:00:00.000000001Z stdout: two'],
    annotations: [
      { key: 'path', value: `guest/${name}` },
      { key: 'waitTime', value: 5 },
      { key: 'kind', value: 'nodejs:20' },
      { key: 'timeout', value: false },
      { key: 'limits', value: { concurrency: 1, logs: 10, memory: 256, timeout: 60000 } },
    ],
  };
}

async function fill(stores: Stores, from: number, to: number): Promise<number> {
  const begin = performance.now();
  for (let n = from; n < to; n += 500) {
    const batch = Array.from({ length: Math.min(500, to - n) }, (_, i) => activationDocument(record(n + i), 0));
    await stores.activations.putMany(batch);
  }
  return ((to - from) / (performance.now() - begin)) * 1000;
}

async function quantiles(times: number, action: () => Promise<unknown>): Promise<{ median: number; p99: number }> {
  const taken: number[] = [];
  for (let i = 0; i < times; i++) {
    const begin = performance.now();
    await action();
    taken.push(performance.now() - begin);
  }
  taken.sort((a, b) => a - b);
  const at = (q: number): number => taken[Math.floor(q * (taken.length - 1))] as number;
  return { median: at(0.5), p99: at(0.99) };
}

const folder = await mkdtemp(join(tmpdir(), 'store.bench-'));
const medians: number[] = [];
try {
  const stores = await openEmbeddedStores(folder);
  const activations = new BatchingActivationStore(stores.activations);
  let there = 0;
  for (const size of SIZES) {
    const rate = await fill(stores, there, size);
    there = size;
    console.log(`\n${size} activations (${Math.round(rate)} puts a second in batches of 500, durable)`);
    const measure = async (what: string, action: () => Promise<unknown>, times = LISTS): Promise<number> => {
      const { median, p99 } = await quantiles(times, action);
      console.log(`  ${what.padEnd(34)} median ${median.toFixed(3)} ms   p99 ${p99.toFixed(3)} ms`);
      return median;
    };
    const page = { skip: 0, limit: 30, docs: false } as const;
    const median = await measure('list of 30', () => activations.list('guest', {}, page));
    medians.push(median);
    await measure('list of 30 by name', () => activations.list('guest', { name: 'action3' }, page));
    await measure('list of 30, 500 skipped', () => activations.list('guest', {}, { ...page, skip: 500 }));
    await measure('list of 30 with documents', () => activations.list('guest', {}, { ...page, docs: true }));
    await measure('count', () => activations.count('guest', {}, 0), 20);
    await measure('get', () => activations.get('guest', record(size >> 1).activationId));
    await measure('store one, durable', () => activations.store(record(there++)));
  }
  await stores.close();
} finally {
  await rm(folder, { recursive: true, force: true });
}

const [small = 0, large = 0] = medians;
const good = large < TARGET_MS && large <= TARGET_RATIO * small;
console.log(
  `\nlist of 30 at ${LARGE}: ${large.toFixed(3)} ms (target under ${TARGET_MS}), ` +
    `${(large / small).toFixed(2)} times that at 1,000 (target ${TARGET_RATIO}): ${good ? 'met' : 'MISSED'}`,
);
process.exitCode = good ? 0 : 1;
