import { setTimeout as sleep } from 'node:timers/promises';
import { WELL_KNOWN_USERS } from '../../../deploy/standalone/users.js';
import { startFaultCluster, type FaultCluster } from './cluster.js';
import { judge, refusals, type Limits, type Verdict } from './history.js';
import { Load } from './load.js';
import { StandaloneServer, type StandaloneTrial } from './standalone.js';
import type { Trial } from './trials.js';

export interface Round {
  readonly trial: string;
  readonly round: number;
  readonly seed: number;
  readonly verdict: Verdict;
  /** How often invocations were refused, by status and reason. */
  readonly refusals: Readonly<Record<string, number>>;
}

export interface RoundOptions {
  readonly rounds: number;
  readonly seed: number;
  readonly tell: (round: Round) => void;
}

/** Load before the fault, and after the part is back, in ms; the moment of the fault is random. */
const BEFORE_MS = [800, 2500] as const;
const AFTER_MS = 2000;
const PER_SECOND = 30;
/** How long an accepted activation may take to have its record: see `IMPATIENT`. */
const SETTLE_MS = 150_000;
/** 30 s to answer while a part is away, and 60 s for a result, with room for a busy machine. */
const LIMITS: Limits = { answerMs: 33_000, resultMs: 63_000 };
/** How long one run of the action takes. */
const RUN_MS = 100;

/** Every round on the same server, whose data grows. */
export async function standaloneRounds(trial: StandaloneTrial, options: RoundOptions): Promise<void> {
  const server = await StandaloneServer.create(trial.ownDisk);
  const load = new Load({
    bases: () => [server.url],
    key: WELL_KNOWN_USERS.guest,
    action: 'steady',
    runMs: RUN_MS,
    resultBytes: trial.resultBytes,
  });
  try {
    await server.start();
    await load.install();
    await eachRound(trial.name, options, load, (random) => trial.fault(server, random));
  } finally {
    load.close();
    await server.close();
  }
}

/** All trials in turns on one cluster. */
export async function distributedRounds(
  trials: readonly Trial[],
  options: RoundOptions & { readonly brokers: number },
): Promise<void> {
  const cluster = await startFaultCluster(options.brokers);
  const load = clusterLoad(cluster);
  try {
    await load.install();
    for (const trial of trials) await trialRounds(trial, cluster, load, options);
  } finally {
    load.close();
    await cluster.close();
  }
}

/** A load on all controllers of a cluster, in turns. */
export function clusterLoad({ parts: { topology } }: FaultCluster): Load {
  const bases = (): string[] => topology.controllers.map(({ url }) => url);
  return new Load({ bases, key: WELL_KNOWN_USERS.guest, action: 'steady', runMs: RUN_MS });
}

/** Rounds of one trial, each of which ends with all parts up. */
export function trialRounds(trial: Trial, { parts }: FaultCluster, load: Load, options: RoundOptions): Promise<void> {
  return eachRound(trial.name, options, load, async (random) => {
    await trial.fault(parts, random);
    await parts.topology.ready();
  });
}

async function eachRound(
  trial: string,
  { rounds, seed, tell }: RoundOptions,
  load: Load,
  fault: (random: () => number) => Promise<void>,
): Promise<void> {
  for (let round = 1; round <= rounds; round += 1) {
    const random = generator(seed + round);
    const over = new AbortController();
    const broken = sleep(BEFORE_MS[0] + random() * (BEFORE_MS[1] - BEFORE_MS[0]))
      .then(() => fault(random))
      .then(() => sleep(AFTER_MS))
      .finally(() => over.abort());
    // The load goes on for as long as the part is away.
    const loading = (async () => {
      while (!over.signal.aborted) await load.run(500, PER_SECOND);
    })();
    await Promise.all([broken, loading]);
    const history = await load.history(SETTLE_MS);
    tell({
      trial,
      round,
      seed: seed + round,
      verdict: judge(history, LIMITS),
      refusals: refusals(history.answers),
    });
  }
}

/** Numbers from 0 to 1 that a seed repeats (mulberry32). */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
