import {
  AT_HOME_NAMES,
  FAAST,
  FAAST_IDLE,
  IDLE_FIRST,
  INFORMED,
  OFC,
  QUEUEING,
  WAY_NAMES,
  type Times,
} from './graphRuns.js';
import { change, spread, type Finding, type Plot, type Table } from './results.js';

/* The plots, tables and findings that the experiments with graphs share. */

/** The mean over graphs of the run time against a baseline, as a difference: −0.46 is 46 % less. */
export const against = (all: readonly Times[], name: string, baseline: string): number =>
  spread(all.map(({ makespan }) => (makespan[name] ?? NaN) / (makespan[baseline] ?? NaN) - 1)).mean;

/** The coloring that is best in the mean over graphs. */
export const bestOf = (all: readonly Times[], names: readonly string[], baseline = QUEUEING): string =>
  names.reduce((best, name) => (against(all, name, baseline) < against(all, best, baseline) ? name : best));

export function summary(title: string, all: readonly Times[]): Table {
  const ratio = (name: string): number =>
    spread(all.map(({ moved }) => (moved[name] ?? 0) / Math.max(1, moved[QUEUEING] ?? 1))).mean;
  return {
    title,
    columns: ['placement', 'run time against queueing', 'idle first', 'Faa$T', 'bytes moved against queueing'],
    rows: WAY_NAMES.map((name) => [
      name,
      change(against(all, name, QUEUEING)),
      change(against(all, name, IDLE_FIRST)),
      change(against(all, name, FAAST)),
      change(ratio(name) - 1),
    ]),
  };
}

/** A gain is reproduced within 6 points of the paper's; a larger one has another cause. */
export function verdict(found: number, paper: number): Finding['verdict'] {
  if (Math.abs(found - paper) <= 0.06) return 'reproduced';
  return found < paper ? 'other configuration' : 'not reached';
}

/** Colors whose results are objects at their homes, against a cache that is oblivious of colors. */
export function faastFinding(title: string, all: readonly Times[]): Finding {
  const best = bestOf(all, AT_HOME_NAMES, FAAST);
  const found = against(all, best, FAAST);
  return {
    claim: `${title}: run time against a cache that is oblivious of colors (Faa$T)`,
    paper: '45 % better (Dask and NumS)',
    here: `${change(found)} (${best}); ${change(against(all, best, FAAST_IDLE))} if it knows the free slots`,
    verdict: verdict(found, -0.45),
    why: 'Results go to homes by consistent hashing, and readers get them from there; with colors the home is that of the color.',
  };
}

/** Run times of single graphs against queueing, in %. */
export function runTimePlot(title: string, x: Plot['x'], times: readonly Times[], best: string): Plot {
  return {
    title,
    kind: 'bars',
    x,
    y: { name: 'run time in %' },
    series: [best, IDLE_FIRST, OFC, INFORMED].map((name) => ({
      name,
      means: times.map((one) => 100 * (1 + against([one], name, QUEUEING))),
    })),
  };
}

/** A row of `GAIN_COLUMNS`: a coloring and two baselines over some graphs. */
export const gains = (times: readonly Times[], best: string): string[] => [
  change(against(times, best, QUEUEING)),
  change(against(times, best, IDLE_FIRST)),
  change(against(times, INFORMED, QUEUEING)),
  change(against(times, OFC, QUEUEING)),
];
export const GAIN_COLUMNS = [
  'against queueing',
  'against idle first',
  'serverful against queueing',
  'OFC against queueing',
];
