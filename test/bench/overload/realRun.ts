import { setTimeout as sleep } from 'node:timers/promises';
import type { Json, JsonObject } from '../../../shared/entities/keyvalue.js';
import { testServer } from '../../conformance/server.js';
import { Caller, zipf } from '../colorWorkload.js';
import { READS, type Answer, type Offer, type ReadsOptions } from './reads.js';

const READ = `
const kept = new Map();
async function main({ post }) {
  const known = kept.delete(post);
  kept.set(post, true);
  if (kept.size > ${READS.kept}) kept.delete(kept.keys().next().value);
  await new Promise((resolve) => setTimeout(resolve, known ? ${READS.hitMs} : ${READS.missMs}));
  return { known };
}`;

/** More than are ever under way: none waits here, where the balancer does not see it. */
const CONNECTIONS = 1000;

/** Starts a server of its own for some work, and stops it after that. */
export async function withServer<T>(options: ReadsOptions, work: (offer: Offer) => Promise<T>): Promise<T> {
  const memory = String(READS.slots * 128);
  const server = await testServer(['--process', '--invokers', `${READS.invokers}`, '--memory', memory, '--no-catalog']);
  const caller = new Caller(server.base, CONNECTIONS);
  try {
    const { colored, patienceMs } = options;
    const annotations: JsonObject = colored ? { color: '{post}' } : {};
    if (patienceMs !== undefined) annotations['color-patience'] = patienceMs;
    await caller.createAction('read', READ, annotations);
    const draw = zipf(READS.posts, READS.exponent);
    return await work(async (rate, seconds) => {
      const answers: Promise<Answer>[] = [];
      const underWay: number[] = [];
      let now = 0;
      const begun = performance.now();
      for (let i = 0; i < rate * seconds; i++) {
        const early = begun + (i * 1000) / rate - performance.now();
        if (early > 0) await sleep(early);
        underWay.push(now++);
        answers.push(invoke(caller, draw()).finally(() => now--));
      }
      const lastsMs = performance.now() - begun;
      return { rate, lastsMs, underWay, answers: await Promise.all(answers) };
    });
  } finally {
    await caller.close();
    await server.stop();
  }
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
