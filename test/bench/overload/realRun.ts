import { setTimeout as sleep } from 'node:timers/promises';
import type { Json, JsonObject } from '../../../shared/entities/keyvalue.js';
import { testServer } from '../../conformance/server.js';
import { Caller, zipf } from '../colorWorkload.js';

/** What was offered at a rate, and what became of it. Shares from 0 to 1, times in ms. */
export interface RealRow {
  readonly rate: number;
  readonly memory: number;
  readonly home: number;
  readonly p50: number;
  readonly p99: number;
}

/** Invocations per second and seconds, one after the other. */
const PHASES = [
  [15, 30],
  [25, 15],
  [45, 40],
  [25, 15],
] as const;
const POSTS = 400;

/** Keeps 60 posts in memory; a post that it has takes 60 ms, another one 360 ms. */
const READ = `
const kept = new Map();
async function main({ post }) {
  const known = kept.delete(post);
  kept.set(post, true);
  if (kept.size > 60) kept.delete(kept.keys().next().value);
  await new Promise((resolve) => setTimeout(resolve, known ? 60 : 360));
  return { known };
}`;

/** Offers the phases to a server of its own, whether it keeps up or not. */
export async function realRun(options: { colored: boolean; patienceMs: number }): Promise<RealRow[]> {
  const server = await testServer(['--process', '--invokers', '4', '--memory', '256', '--no-catalog']);
  const caller = new Caller(server.base);
  try {
    const annotations: JsonObject = options.colored ? { color: '{post}', 'color-patience': options.patienceMs } : {};
    await caller.createAction('read', READ, annotations);
    const draw = zipf(POSTS, 0.9);
    const rows: RealRow[] = [];
    for (const [rate, seconds] of PHASES) {
      const answers: Promise<Answer>[] = [];
      const begun = performance.now();
      for (let i = 0; i < rate * seconds; i++) {
        const due = begun + (i * 1000) / rate;
        const early = due - performance.now();
        if (early > 0) await sleep(early);
        answers.push(invoke(caller, draw()));
      }
      const all = await Promise.all(answers);
      const times = all.map(({ ms }) => ms).toSorted((a, b) => a - b);
      const at = (q: number): number => times[Math.floor(q * times.length)] ?? NaN;
      const share = (of: (answer: Answer) => boolean): number => all.filter(of).length / all.length;
      rows.push({
        rate,
        memory: share(({ known }) => known),
        home: share(({ home }) => home),
        p50: at(0.5),
        p99: at(0.99),
      });
    }
    return rows;
  } finally {
    await caller.close();
    await server.stop();
  }
}

interface Answer {
  readonly ms: number;
  readonly known: boolean;
  readonly home: boolean;
}

async function invoke(caller: Caller, post: number): Promise<Answer> {
  const begun = performance.now();
  const record = await caller.request('POST', '/actions/read?blocking=true', { post });
  const { result } = record['response'] as { result: { known?: boolean } };
  const annotations = record['annotations'] as { key: string; value: Json }[];
  return {
    ms: performance.now() - begun,
    known: result.known === true,
    home: annotations.some(({ key, value }) => key === 'colorHome' && value === true),
  };
}
