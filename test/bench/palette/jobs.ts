import { readFileSync } from 'node:fs';
import { simulateLoad, type LoadFigures, type LoadJob } from './beyondLoads.js';
import { timesOf, type GraphJob, type Times } from './graphRuns.js';
import { simulateSocial, type SocialJob } from './socialRuns.js';

/** A part of the simulations, for a thread of its own. The result depends only on the job. */
export type Job = GraphJob | LoadJob | SocialJob;

/** The results by kind of job. */
interface Results {
  readonly graph: Times;
  readonly load: readonly LoadFigures[];
  readonly social: readonly number[];
}

export type Kind = Job['kind'];
export type JobOf<K extends Kind> = Extract<Job, { readonly kind: K }>;
export type ResultOf<K extends Kind> = Results[K];

const RUN: { readonly [K in Kind]: (job: JobOf<K>) => ResultOf<K> } = {
  graph: timesOf,
  load: simulateLoad,
  social: simulateSocial,
};

/** What a thread answers to a job. */
export interface Answer<K extends Kind> {
  readonly result: ResultOf<K>;
  /** The processor time of the job in seconds. */
  readonly seconds: number;
}

/** A thread's message: the answer, or the error of a job that failed. */
export type Message<K extends Kind> = Answer<K> | { readonly error: string };

export function runJob<K extends Kind>(kind: K, job: JobOf<K>): Answer<K> {
  const begun = threadSeconds();
  const result = RUN[kind](job);
  return { result, seconds: threadSeconds() - begun };
}

/** The processor time of this thread in seconds; where Linux does not tell it, the time of the clock. */
function threadSeconds(): number {
  try {
    return Number.parseInt(readFileSync('/proc/thread-self/schedstat', 'utf8'), 10) / 1e9;
  } catch {
    return performance.now() / 1000;
  }
}
