import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { WELL_KNOWN_USERS } from '../../../deploy/standalone/users.js';
import type { Guards } from '../../../deploy/local/RunGuardian.js';
import { waiting } from '../../../deploy/local/waits.js';
import { CouchStartError } from '../../integration/couchdb/OwnCouch.js';
import { BrokerStartError } from '../../integration/kafka/broker.js';
import { ElectionError } from '../../integration/kafka/brokers.js';
import { startFaultCluster, type FaultCluster } from './cluster.js';
import { failures, isSound, judge, refusals, type History, type Limits, type Verdict } from './history.js';
import { Load } from './load.js';
import type { CouchChoice } from './options.js';
import { StandaloneServer, type StandaloneTrial } from './standalone.js';
import type { Trial } from './trials.js';

export interface Round {
  readonly trial: string;
  readonly round: number;
  readonly seed: number;
  /** From the first invocation until every record was read. */
  readonly tookMs: number;
  /** The load average of the last minute. */
  readonly loadAverage: number;
  readonly verdict: Verdict;
  /** How often invocations were refused, by status and reason. */
  readonly refusals: Readonly<Record<string, number>>;
  /** How often accepted activations failed, by the error in the record. */
  readonly failures: Readonly<Record<string, number>>;
  /** How often a record or the list of activations could not be read at first, by status and reason. */
  readonly readErrors: Readonly<Record<string, number>>;
}

export interface RoundOptions {
  readonly seed: number;
}

export interface BenchOptions extends RoundOptions {
  /** How many rounds of each trial there should be. */
  readonly rounds: number;
  /** How many rounds of a trial an earlier bench has played. */
  readonly done: (trial: string) => number;
  /** End servers if this process is killed. */
  readonly guards?: Guards | undefined;
  readonly tell: (round: Round) => void;
  readonly tellFailure: (failure: FailedRound) => void;
  /** Kafka or CouchDB did not start or did not do what the trial needs, which says nothing of the tested program. */
  readonly tellUncounted: (failure: FailedRound) => void;
}

/** A round that did not come to its end: a part did not come back, or could not be broken. */
export interface FailedRound {
  readonly trial: string;
  readonly round: number;
  readonly seed: number;
  readonly error: unknown;
}

/** From the first result until the fault, at most: its moment is random. */
const BEFORE_MS = 1200;
/** How long the load goes on without a result after the part is back. */
const RESULT_MS = 35_000;
const RATE = { perSecond: 20, laterPerSecond: 5, laterMs: 10_000 };
/** The longest round, a rolling restart on a busy machine, takes a part of it. */
const ROUND_MS = 30 * 60_000;
/** A trial ends when so many of its rounds were not counted, since each may take minutes. */
const MOST_UNCOUNTED = 3;
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
  /** @param failed a round failed or found a fault: what helps to find out why is kept, and where is said. */
  close(failed: boolean): Promise<void>;
}

/** Every round on the same server, whose data grows, unless the trial wants a fresh one. */
export function standaloneRounds(trial: StandaloneTrial, options: BenchOptions): Promise<void> {
  const open = async (): Promise<Stage & { readonly server: StandaloneServer }> => {
    const server = await StandaloneServer.create(trial.ownDisk, options.guards);
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
    playRound(each.name, round, options, load, (random, back) => each.fault(server, random).then(back), {
      died: server.died,
    }),
  );
}

interface ClusterOptions extends BenchOptions {
  readonly brokers: number;
  readonly couch: CouchChoice;
}

/** All trials in turns on one cluster; those that need proxies before the brokers on another one. */
export async function distributedRounds(trials: readonly Trial[], options: ClusterOptions): Promise<void> {
  for (const lossy of [false, true]) {
    const chosen = trials.filter((trial) => (trial.lossy ?? false) === lossy);
    if (chosen.length > 0) await clusterRounds(chosen, lossy, options);
  }
}

function clusterRounds(trials: readonly Trial[], lossy: boolean, options: ClusterOptions): Promise<void> {
  const open = async (): Promise<Stage & { readonly cluster: FaultCluster }> => {
    const cluster = await startFaultCluster(options.brokers, options.couch, lossy, options.guards);
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
  { parts, rejoins }: FaultCluster,
  load: Load,
  options: RoundOptions,
): Promise<Round> {
  const fault = async (random: () => number, back: () => void): Promise<void> => {
    await trial.fault(parts, random);
    back();
    await parts.topology.ready();
  };
  return playRound(trial.name, round, options, load, fault, { rejoinsMs: () => rejoins.next() });
}

/**
 * The first round of every trial, then the second one of every trial, and so on: a bench that is ended early has tried all.
 * A round that fails or is not counted is told, and does not end the others: they get a stage of their own.
 */
export async function allRounds<S extends Stage, T extends { readonly name: string; readonly freshStage?: boolean }>(
  trials: readonly T[],
  { rounds, done, seed, tell, tellFailure, tellUncounted }: BenchOptions,
  open: () => Promise<S>,
  play: (stage: S, trial: T, round: number) => Promise<Round>,
): Promise<void> {
  let stage: S | undefined;
  const uncounted = new Map<T, number>();
  const before = new Map(trials.map((trial) => [trial, done(trial.name)]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const trial of trials) {
      const missed = uncounted.get(trial) ?? 0;
      if (missed >= MOST_UNCOUNTED || round <= (before.get(trial) ?? 0)) continue;
      try {
        stage ??= await open();
        const played = await play(stage, trial, round);
        tell(played);
        const sound = isSound(played.verdict);
        if (sound && trial.freshStage !== true) continue;
        const used = stage;
        stage = undefined;
        await used.close(!sound);
      } catch (error) {
        const failure = { trial: trial.name, round, seed: seed + round, error };
        if (isEngineFault(error)) {
          uncounted.set(trial, missed + 1);
          tellUncounted(failure);
        } else {
          tellFailure(failure);
        }
        await closeFailed(stage);
        stage = undefined;
      }
    }
  }
  await stage?.close(false);
}

const isEngineFault = (error: unknown): boolean =>
  [BrokerStartError, CouchStartError, ElectionError].some((kind) => error instanceof kind);

async function closeFailed(stage: Stage | undefined): Promise<void> {
  try {
    await stage?.close(true);
  } catch (error) {
    console.error(`what the failed round was played on did not end in order: ${String(error)}`);
  }
}

interface Watched {
  /** How long consumers took to join their groups again. */
  readonly rejoinsMs?: () => readonly number[];
  /** Rejects if a part ends that the trial did not end: the round then fails at once. */
  readonly died?: Promise<never>;
}

/** @param fault breaks something and mends it, and calls `back` as soon as that is done. */
async function playRound(
  trial: string,
  round: number,
  { seed }: RoundOptions,
  load: Load,
  fault: (random: () => number, back: () => void) => Promise<void>,
  { rejoinsMs = () => [], died }: Watched = {},
): Promise<Round> {
  const random = generator(seed + round);
  const begun = performance.now();
  const over = new AbortController();
  let waitsFor = 'a result before the fault';
  let backAt = 0;
  const breakAndMend = async (): Promise<void> => {
    await load.nextResult(RESULT_MS);
    waitsFor = 'the fault, and the return of the part';
    await sleep(random() * BEFORE_MS);
    await fault(random, () => (backAt = performance.now()));
    waitsFor = 'a result after the fault';
    await load.nextResult(RESULT_MS);
  };
  const played = async (): Promise<History> => {
    const broken = breakAndMend().finally(() => over.abort());
    // The load goes on for as long as the part is away.
    const outcomes = await Promise.allSettled([broken, load.run(over.signal, RATE)]);
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    waitsFor = 'all answers and records';
    return { ...(await load.history(SETTLE_MS)), backAt, rejoinsMs: rejoinsMs() };
  };
  const wait = { what: 'the end of the round', limitMs: ROUND_MS, say: () => undefined };
  const detail = (): string => `it was waiting for ${waitsFor}`;
  const end = died ? Promise.race([played(), died]) : played();
  const history = await waiting({ ...wait, detail }, end).finally(() => over.abort());
  const verdict = judge(history, LIMITS);
  if (verdict.accepted === 0) {
    throw new Error(
      `the round tried nothing: each invocation was refused: ${JSON.stringify(refusals(history.answers))}`,
    );
  }
  return {
    trial,
    round,
    seed: seed + round,
    tookMs: Math.round(performance.now() - begun),
    loadAverage: loadavg()[0] ?? 0,
    verdict,
    refusals: refusals(history.answers),
    failures: failures(history.records),
    readErrors: load.readErrors,
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
