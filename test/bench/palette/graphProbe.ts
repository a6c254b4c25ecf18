import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import type { Network } from '../../../controller/simulate/index.js';
import { backOff, retry } from '../../../shared/process/retry.js';
import type { Caller } from '../colorWorkload.js';

/*
 * What the simulator of graphs takes from the machine: the times of an invocation and of objects, measured by
 * invocations that are no part of a graph. The workers share the processors of one machine, so that all of them at once
 * take longer than one alone. Both are measured; a graph has the times between them for the number of its workers that
 * run at once in the mean.
 */

/**
 * One action for tasks and for probes, so that both find the same warm containers.
 *
 * A task reads its inputs, computes (sleeps), and keeps its result at the home of its color. A probe measures in ms by
 * the clock of the machine when it begins and ends, a sleep, objects at two homes, and the first object of a new color.
 */
export const STEP = `
const objects = require('palette-whisk/objects');
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const timed = async (run) => { const from = performance.now(); await run(); return performance.now() - from; };
const ttlMs = 120_000;
// A machine that is busy with other things may take long to answer.
const timeoutMs = 50_000;
async function probe({ local, remote, fresh, sizes, ms, policy }) {
  const begun = Date.now();
  const slept = await timed(() => sleep(ms));
  const times = [];
  for (const bytes of sizes) {
    const body = Buffer.alloc(bytes);
    const row = [];
    for (const color of [local, remote]) {
      row.push(await timed(() => objects.put(color, 'from-' + local, body, { policy, ttlMs, timeoutMs })));
      row.push(await timed(() => objects.get(color, 'from-' + local, { policy, timeoutMs })));
    }
    times.push(row);
  }
  const first = await timed(() => objects.put(fresh, 'first', Buffer.alloc(sizes[0]), { policy, ttlMs, timeoutMs }));
  return { begun, slept, times, first, ended: Date.now() };
}
async function main(args) {
  if (args.sizes) return probe(args);
  const { color, key, inputs, ms, bytes, policy } = args;
  const found = await Promise.all(inputs.map(([from, name]) => objects.get(from, name, { policy, timeoutMs })));
  if (found.some((value) => value === undefined)) throw new Error('an input is gone');
  await sleep(ms);
  await objects.put(color, key, Buffer.alloc(bytes), { policy, ttlMs, timeoutMs });
  return { done: true };
}`;

/** The measured constants of the simulation. All times in ms. */
export interface Constants {
  /** From the request until the invoker calls the container, and from the container's response to that of the API. */
  readonly submitMs: number;
  readonly answerMs: number;
  /** How much longer than the action runs its container is taken. */
  readonly callMs: number;
  /** How much longer than asked a task sleeps. */
  readonly lateMs: number;
  /** How much longer the first write of a color takes: its home asks other invokers for its objects. */
  readonly firstMs: number;
  readonly network: Network & { readonly local: { readonly latencyMs: number; readonly bandwidth: number } };
}

const POLICY = 'consistent-hashing';
const SMALL = 1;

const resultSchema = z.object({
  duration: z.number(),
  response: z.object({
    result: z.object({
      begun: z.number(),
      slept: z.number(),
      times: z.array(z.array(z.number())),
      first: z.number(),
      ended: z.number(),
    }),
  }),
});

/** A color for each worker whose home it is. */
export async function homeColors(caller: Caller, base: string, workers: number): Promise<string[]> {
  const colors = new Map<number, string>();
  for (let n = 0; colors.size < workers; n++) {
    if (n > 1000) throw new Error(`found no color for each of ${workers} invokers`);
    const color = `probe-${n}`;
    // The first objects may be refused while the invokers of a busy machine are slow to answer each other.
    if (n === 0) await retry(() => probe(caller, color, color, 0, 1), { delayMs: backOff(1000, 8000, 8) });
    const response = await fetch(`${base}/palette?namespace=guest&color=${color}`);
    const homes = z.array(z.object({ policy: z.string(), homes: z.array(z.number()) })).parse(await response.json());
    const home = homes.find(({ policy }) => policy === POLICY)?.homes[0];
    if (home !== undefined && !colors.has(home)) colors.set(home, color);
  }
  return [...colors.values()];
}

async function probe(caller: Caller, local: string, remote: string, bytes: number, ms: number) {
  const sent = Date.now();
  const sizes = [SMALL, Math.max(SMALL, bytes)];
  const params = { local, remote, fresh: `probe-${randomUUID()}`, sizes, ms, policy: POLICY };
  const headers = { 'X-OpenWhisk-Color': local, 'X-OpenWhisk-Color-Policy': `${POLICY}; patience=60000` };
  const record = resultSchema.parse(await caller.request('POST', '/actions/step?blocking=true', params, headers));
  const { begun, slept, ended, ...rest } = record.response.result;
  const callMs = Math.max(0, record.duration - (ended - begun));
  return {
    submitMs: begun - sent - callMs / 2,
    answerMs: Date.now() - ended - callMs / 2,
    callMs,
    lateMs: slept - ms,
    ...rest,
  };
}

type Probed = Awaited<ReturnType<typeof probe>>;

/** The probes of one round or of several. */
export interface Probes {
  /** On one worker alone, and on all workers at once. */
  readonly alone: readonly Probed[];
  readonly together: readonly Probed[];
}

/** One round, in which the remote objects of a probe are at the next worker. @param turn chooses the worker alone. */
export async function probeRound(
  caller: Caller,
  colors: readonly string[],
  bytes: number,
  ms: number,
  turn: number,
): Promise<Probes> {
  const at = (i: number): string => colors[i % colors.length] ?? '';
  const alone = await probe(caller, at(turn), at(turn + 1), bytes, ms);
  const together = await Promise.all(colors.map((color, i) => probe(caller, color, at(i + 1), bytes, ms)));
  return { alone: [alone], together };
}

/** The means of the probes, for so many workers that run at once in the mean. */
export function constantsOf(rounds: readonly Probes[], bytes: number, workers: number, active: number): Constants {
  const alone = meansOf(
    rounds.flatMap((round) => round.alone),
    bytes,
    workers,
  );
  const together = meansOf(
    rounds.flatMap((round) => round.together),
    bytes,
    workers,
  );
  const share = Math.min(1, Math.max(0, (active - 1) / (workers - 1)));
  const between = (of: (one: Constants) => number): number => of(alone) + share * (of(together) - of(alone));
  const link = (of: (one: Constants) => { readonly latencyMs: number; readonly bandwidth: number }) => ({
    latencyMs: between((one) => of(one).latencyMs),
    // The time of a byte.
    bandwidth: 1 / between((one) => 1 / of(one).bandwidth),
  });
  return {
    submitMs: between(({ submitMs }) => submitMs),
    answerMs: between(({ answerMs }) => answerMs),
    callMs: between(({ callMs }) => callMs),
    lateMs: between(({ lateMs }) => lateMs),
    firstMs: between(({ firstMs }) => firstMs),
    network: { ...link(({ network }) => network), local: link(({ network }) => network.local) },
  };
}

function meansOf(probes: readonly Probed[], bytes: number, workers: number): Constants {
  const mean = (of: (one: Probed) => number): number => probes.reduce((sum, one) => sum + of(one), 0) / probes.length;
  // Of the times of a size: local write and read, remote write and read.
  const link = (first: number) => {
    const of = (size: number): number => mean(({ times }) => sum(times[size]?.slice(first, first + 2) ?? []) / 2);
    const latencyMs = of(0);
    return { latencyMs, bandwidth: (bytes - SMALL) / Math.max(1e-3, of(1) - latencyMs) };
  };
  const [local, remote] = [link(0), link(2)];
  return {
    // Clocks count whole ms.
    submitMs: Math.max(
      0,
      mean(({ submitMs }) => submitMs),
    ),
    answerMs: Math.max(
      0,
      mean(({ answerMs }) => answerMs),
    ),
    callMs: mean(({ callMs }) => callMs),
    lateMs: mean(({ lateMs }) => lateMs),
    // The home of a new color is any worker.
    firstMs: Math.max(0, mean(({ first }) => first) - (local.latencyMs + (workers - 1) * remote.latencyMs) / workers),
    network: { ...remote, local },
  };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
