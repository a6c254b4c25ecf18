import * as z from 'zod';
import { testServer } from '../../conformance/server.js';
import { Caller } from '../colorWorkload.js';
import { latencies } from '../statistics.js';
import { MAX_GET_P50_MS, MAX_WAKE_P50_MS, MIN_INCREMENTS_PER_S, MIN_MB_PER_S } from './goals.js';
import type { Context } from './report.js';

const figuresSchema = z.object({
  getMs: z.number(),
  mbPerS: z.number(),
  wakeMs: z.number(),
  sharedPerS: z.number(),
  incrementsPerS: z.number(),
});
type Figures = z.infer<typeof figuresSchema>;

/** Measures the operations of `operations.ts` from an action, and checks their results. */
const CODE = `
const objects = require('palette-whisk/objects');
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
const timed = async (task) => {
  const begun = performance.now();
  await task();
  return performance.now() - begun;
};
async function main({ color, round }) {
  const [small, large] = [Buffer.alloc(64 * 1024, 'x'), Buffer.alloc(1024 * 1024, 'x')];
  await objects.put(color, 'small', small);
  await objects.put(color, 'large', large);
  const get = async (key, length) => {
    const found = await objects.get(color, key);
    if (found.length !== length) throw new Error('the object is not whole');
  };
  for (let i = 0; i < 50; i++) await get('small', small.length);
  const gets = [];
  for (let i = 0; i < 300; i++) gets.push(await timed(() => get('small', small.length)));
  const reader = async () => {
    for (let i = 0; i < 100; i++) await get('large', large.length);
  };
  const readMs = await timed(() => Promise.all([reader(), reader()]));
  const wakes = [];
  for (let i = 0; i < 60; i++) {
    const key = 'wake' + round + '-' + i;
    const woken = objects.wait(color, key).then(() => performance.now());
    await new Promise((resolve) => setTimeout(resolve, 2));
    const begun = performance.now();
    await objects.put(color, key, 'x', { ttlMs: 1000 });
    wakes.push((await woken) - begun);
  }
  const count = async (key, options) => {
    const one = async () => {
      for (let i = 0; i < 100; i++) await objects.increment(color, key, 1, options);
    };
    const ms = await timed(() => Promise.all(Array.from({ length: 64 }, one)));
    if (Number(await objects.get(color, key)) !== 6400) throw new Error('the counter is not the number of increments');
    return 6400 / ms * 1000;
  };
  return {
    getMs: median(gets),
    mbPerS: 200 / readMs * 1000,
    wakeMs: median(wakes),
    sharedPerS: await count('shared' + round),
    // Options keep the client from sharing requests.
    incrementsPerS: await count('each' + round, { timeoutMs: 10000 }),
  };
}`;

/** The operations as an action sees them, in a container of the driver, at the home of its color. */
export async function measureInside(context: Context): Promise<void> {
  const server = await testServer([`--${context.driver}`, '--no-catalog']);
  const caller = new Caller(server.base);
  try {
    await caller.createAction('inside', CODE, {});
    const figures: Figures[] = [];
    const rounds = context.full ? 27 : 9;
    // The first one starts the container and the objects' thread.
    for (let round = 0; round <= rounds; round++) {
      context.progress(`inside: round ${round} of ${rounds}`);
      const path = '/actions/inside?blocking=true&result=true';
      const answer = await caller.request('POST', path, { color: 'c', round }, { 'X-OpenWhisk-Color': 'c' });
      if (round > 0) figures.push(figuresSchema.parse(answer));
    }
    const median = (figure: keyof Figures): number => latencies(figures.map((one) => one[figure])).p50;
    const row = (name: string, figure: keyof Figures, unit: string, goal?: number, atMost = false): void => {
      const value = median(figure);
      const met = goal === undefined || (atMost ? value <= goal : value >= goal);
      const text = `${atMost ? '<=' : '>='} ${goal} ${unit}`;
      const judged = goal === undefined ? {} : { goal: { text, met } };
      context.add({ name: `in an action (${context.driver}): ${name}`, value, unit, ...judged });
    };
    row('get 64 KB, p50', 'getMs', 'ms', MAX_GET_P50_MS, true);
    row('get 1 MB', 'mbPerS', 'MB/s', MIN_MB_PER_S);
    row('put to wake, p50', 'wakeMs', 'ms', MAX_WAKE_P50_MS, true);
    row('increment, 64 at once', 'sharedPerS', '/s', MIN_INCREMENTS_PER_S);
    row('increment, a request for each', 'incrementsPerS', '/s');
  } finally {
    await caller.close();
    await server.stop();
  }
}
