import { readFileSync } from 'node:fs';
import { Caller } from '../colorWorkload.js';
import * as z from 'zod';
import type { Json } from '../../../shared/entities/keyvalue.js';
import { testServer } from '../../conformance/server.js';
import { latencies } from '../statistics.js';
import { change, format, type Context } from './report.js';

const WORKERS = 4;
const ROUNDS = 20;
const MAX_RATIO = 0.5;
const answerSchema = z.object({ weights: z.array(z.number()), msPerRound: z.number() });

/**
 * A round of `examples/training`: workers leave their gradients, the server waits for them and publishes the next weights.
 * As the example does it, in the memory of one color; and through the store: the same actions, uncolored, with objects
 * that are acknowledged when the artifact store has them. They still wait for objects without polling.
 */
export async function measureTraining(context: Context): Promise<void> {
  const server = await testServer([`--${context.driver}`, '--invokers', '2', '--no-catalog']);
  const caller = new Caller(server.base);
  try {
    for (const name of ['worker', 'server']) {
      await caller.createAction(name, readFileSync(`examples/training/${name}.js`, 'utf8'), {});
    }
    const [memory, stored]: [number[], number[]] = [[], []];
    // The first run of each starts containers and the objects' threads.
    const repeats = context.full ? 12 : 4;
    for (let run = 0; run <= repeats; run++) {
      context.progress(`training: run ${run} of ${repeats}`);
      const [color, store] = [await train(caller, `memory-${run}`, true), await train(caller, `stored-${run}`, false)];
      if (run === 0) continue;
      memory.push(color);
      stored.push(store);
    }
    const [inMemory, inStore] = [latencies(memory).p50, latencies(stored).p50];
    context.add({
      name: 'training: a round',
      value: inMemory,
      unit: 'ms',
      beside: `through the store ${format(inStore)}, ${change(inMemory / inStore)}`,
      goal: { text: 'at most half', met: inMemory <= MAX_RATIO * inStore },
    });
  } finally {
    await caller.close();
    await server.stop();
  }
}

/** Resolves to the time of a round in ms. */
async function train(caller: Caller, job: string, colored: boolean): Promise<number> {
  const rows = Array.from({ length: 100 }, (_, i) => ({ x: [1, i / 100, (i * 7) % 3], y: i % 2 }));
  const headers: Record<string, string> = colored ? { 'X-OpenWhisk-Color': job } : {};
  const persistence = colored ? {} : { persistence: 'stored' };
  const invoke = (name: string, params: Record<string, Json>): Promise<unknown> =>
    caller.request('POST', `/actions/${name}?blocking=true&result=true`, { job, ...persistence, ...params }, headers);
  const [answer] = await Promise.all([
    invoke('server', { workers: WORKERS, rounds: ROUNDS, rate: 2, count: WORKERS * rows.length }),
    ...Array.from({ length: WORKERS }, (_, worker) => invoke('worker', { worker, rows, rounds: ROUNDS })),
  ]);
  return answerSchema.parse(answer).msPerRound;
}
