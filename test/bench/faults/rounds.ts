import { setTimeout as sleep } from 'node:timers/promises';
import { WELL_KNOWN_USERS } from '../../../deploy/standalone/users.js';
import { startFaultCluster, type FaultCluster } from './cluster.js';
import { failures, judge, refusals, type Limits, type Verdict } from './history.js';
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
  /** How often accepted activations failed, by the error in the record. */
  readonly failures: Readonly<Record<string, number>>;
}

export interface RoundOptions {
  readonly seed: number;
}

export interface BenchOptions extends RoundOptions {
  readonly rounds: number;
  readonly tell: (round: Round) => void;
  readonly tellFailure: (failure: FailedRound) => void;
}

/** A round that did not come to its end: a part did not come back, or could not be broken. */
export interface FailedRound {
  readonly trial: string;
  readonly round: number;
  readonly seed: number;
  readonly error: unknown;
}

/** Load before the fault, and after the part is back, in ms; the moment of the fault is random. */
const BEFORE_MS = [800, 2500] as const;
const AFTER_MS = 2000;
const PER_SECOND = 30;
/** How long an accepted activation may take to have its record: see `IMPATIENT`. */
const SETTLE_MS = 210_000;
/**
 * 30 s to answer while a part is away, and 60 s for a result, with room for a busy machine; as many containers of 256 MB
 * as an invoker has room for.
 */
const LIMITS: Limits = { answerMs: 33_000, resultMs: 63_000, containers: 8 };
/** How long one run of the action takes. */
const RUN_MS = 100;

/** What the rounds of a trial are played on. */
export interface Stage {
  readonly load: Load;
  /** @param failed a round failed on it: what helps to find out why is kept, and where is said. */
  close(failed: boolean): Promise<void>;
}

/** Every round on the same server, whose data grows. */
export function standaloneRounds(trial: StandaloneTrial, options: BenchOptions): Promise<void> {
  const open = async (): Promise<Stage & { readonly server: StandaloneServer }> => {
    const server = await StandaloneServer.create(trial.ownDisk);
    const load = new Load({
      bases: () => [server.url],
      key: WELL_KNOWN_USERS.guest,
      action: 'steady',
      runMs: RUN_MS,
      resultBytes: trial.resultBytes,
    });
    const close = async (): Promise<void> => {
      load.close();
      await server.close();
    };
    try {
      await server.start();
      await load.install();
    } catch (error) {
      await close();
      throw error;
    }
    return { load, server, close };
  };
  return allRounds([trial], options, open, ({ load, server }, each, round) =>
    playRound(each.name, round, options, load, (random, back) => each.fault(server, random).then(back)),
  );
}

/** All trials in turns on one cluster. */
export function distributedRounds(
  trials: readonly Trial[],
  options: BenchOptions & { readonly brokers: number },
): Promise<void> {
  const open = async (): Promise<Stage & { readonly cluster: FaultCluster }> => {
    const cluster = await startFaultCluster(options.brokers);
    const load = clusterLoad(cluster);
    const close = async (failed: boolean): Promise<void> => {
      load.close();
      await cluster.close(failed);
    };
    try {
      await load.install();
    } catch (error) {
      await close(true);
      throw error;
    }
    return { load, cluster, close };
  };
  return allRounds(trials, options, open, ({ load, cluster }, trial, round) =>
    trialRound(trial, round, cluster, load, options),
  );
}

/** A load on all controllers of a cluster, in turns. */
export function clusterLoad({ parts: { topology } }: FaultCluster): Load {
  const bases = (): string[] => topology.controllers.map(({ url }) => url);
  return new Load({ bases, key: WELL_KNOWN_USERS.guest, action: 'steady', runMs: RUN_MS });
}

/** One round of a trial, which ends with all parts up. @throws where a part does not come back. */
export function trialRound(
  trial: Trial,
  round: number,
  { parts }: FaultCluster,
  load: Load,
  options: RoundOptions,
): Promise<Round> {
  return playRound(trial.name, round, options, load, async (random, back) => {
    await trial.fault(parts, random);
    back();
    await parts.topology.ready();
  });
}

/** A round that fails is told, and does not end the others: they get a stage of their own. */
export async function allRounds<S extends Stage, T extends { readonly name: string }>(
  trials: readonly T[],
  { rounds, seed, tell, tellFailure }: BenchOptions,
  open: () => Promise<S>,
  play: (stage: S, trial: T, round: number) => Promise<Round>,
): Promise<void> {
  let stage: S | undefined;
  for (const trial of trials) {
    for (let round = 1; round <= rounds; round += 1) {
      try {
        stage ??= await open();
        tell(await play(stage, trial, round));
      } catch (error) {
        tellFailure({ trial: trial.name, round, seed: seed + round, error });
        await closeFailed(stage);
        stage = undefined;
      }
    }
  }
  await stage?.close(false);
}

async function closeFailed(stage: Stage | undefined): Promise<void> {
  try {
    await stage?.close(true);
  } catch (error) {
    console.error(`what the failed round was played on did not end in order: ${String(error)}`);
  }
}

/** @param fault breaks something and mends it, and calls `back` as soon as that is done. */
async function playRound(
  trial: string,
  round: number,
  { seed }: RoundOptions,
  load: Load,
  fault: (random: () => number, back: () => void) => Promise<void>,
): Promise<Round> {
  const random = generator(seed + round);
  const over = new AbortController();
  let backAt = 0;
  const broken = sleep(BEFORE_MS[0] + random() * (BEFORE_MS[1] - BEFORE_MS[0]))
    .then(() => fault(random, () => (backAt = performance.now())))
    .then(() => sleep(AFTER_MS))
    .finally(() => over.abort());
  // The load goes on for as long as the part is away.
  const loading = (async () => {
    while (!over.signal.aborted) await load.run(500, PER_SECOND);
  })();
  const outcomes = await Promise.allSettled([broken, loading]);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  const history = { ...(await load.history(SETTLE_MS)), backAt };
  return {
    trial,
    round,
    seed: seed + round,
    verdict: judge(history, LIMITS),
    refusals: refusals(history.answers),
    failures: failures(history.records),
  };
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
