import {
  CACHE,
  COLORS,
  HIT_MS,
  MISS_MS,
  SLOTS,
  WORKERS,
  type Load,
  type LoadFigures,
  type Seen,
} from './beyondLoads.js';
import { percent, spread, type Context, type Section } from './results.js';

/*
 * What the paper does not show: load, changes of workers, unequal workers, a hot color, and uncolored load beside it.
 */

/** The compared ways: a name, a policy and a patience in ms. */
const WAYS: readonly (readonly [name: string, policy: string, patienceMs: number])[] = [
  ['random', 'random', 0],
  ['consistent-hashing, patience 0', 'consistent-hashing', 0],
  ['consistent-hashing', 'consistent-hashing', 100],
  ['bucket-hashing', 'bucket-hashing', 100],
  ['least-assigned', 'least-assigned', 100],
  ['bounded-load', 'bounded-load', 100],
  ['bounded-load, patience 0', 'bounded-load', 0],
  ['shortest queue', 'shortest-queue', 0],
  ['two choices', 'two-choices', 0],
  ['CH-RLU', 'ch-rlu', 0],
];

const shown = ({ hitRatio, p50, p99 }: Seen): string => `${percent(hitRatio)} / ${p50.toFixed(0)} / ${p99.toFixed(0)}`;

/** For each way the figures of all seeds. */
type Found = ReadonlyMap<string, readonly LoadFigures[]>;

const ROUND_S = 5;
const CHANGING_S = 60;

export async function beyondExperiment({ quick, seeds, run, progress }: Context): Promise<Section> {
  const some = quick ? seeds.slice(0, 1) : seeds;
  const ways = WAYS.map(([, policy, patienceMs]) => ({ policy, patienceMs }));
  const each = async (name: string, load: Load): Promise<Found> => {
    const bySeed = await Promise.all(some.map((seed) => run({ kind: 'load', load, ways, seed })));
    progress(`beyond the paper: ${name}`);
    return new Map(WAYS.map(([way], i) => [way, bySeed.flatMap((figures) => figures[i] ?? [])]));
  };
  const mean = <T>(results: readonly T[], of: (result: T) => number): number => spread(results.map(of)).mean;
  const observed = (results: readonly LoadFigures[] = [], window?: number): Seen => {
    const all: readonly Seen[] = window === undefined ? results : results.map((one) => one.windows[window] ?? one);
    return {
      hitRatio: mean(all, ({ hitRatio }) => hitRatio),
      p50: mean(all, ({ p50 }) => p50),
      p99: mean(all, ({ p99 }) => p99),
    };
  };
  const names = WAYS.map(([name]) => name);

  const seconds = quick ? 6 : 12;
  const rates = [2000, 5000, 6500, 8500];
  const [loads, burst, changes, unequal, hot, mixed] = await Promise.all([
    Promise.all(
      rates.map((rate) => each(`${rate} a second`, { phases: [[rate, seconds]], windowMs: (1000 * seconds) / 2 })),
    ),
    each('a burst', {
      phases: [
        [5000, 10],
        [12_240, 5],
        [5000, 20],
      ],
      windowMs: 1000 * ROUND_S,
    }),
    each('joins and leaves', {
      phases: [[4000, CHANGING_S]],
      windowMs: 1000 * ROUND_S,
      workers: Array.from({ length: WORKERS - 1 }, () => SLOTS),
      changes: [
        { t: 20_000, kind: 'join', slots: SLOTS },
        { t: 40_000, kind: 'down', worker: 0 },
        { t: 45_000, kind: 'up', worker: 0 },
      ],
    }),
    each('invokers 1:4', { phases: [[4000, seconds]], workers: [4, 4, 4, 4, 4, 16, 16, 16, 16] }),
    // 4,000 a second of which 60 %: 2,400 hits of 5 ms take 12 slots, and a worker has 8.
    each('a hot color', { phases: [[4000, seconds]], hot: 0.6 }),
    each('mixed load', { phases: [[5000, seconds]], uncolored: 0.5 }),
  ]);

  const rows = (found: Found, cells: (results: readonly LoadFigures[]) => (string | number)[]) =>
    names.map((name) => [name, ...cells(found.get(name) ?? [])]);
  return {
    name: 'beyond',
    title: 'Beyond the paper (simulated)',
    notes: [
      `${WORKERS} workers with ${SLOTS} slots and a cache of ${CACHE} objects; ${COLORS} colors by Zipf's law (0.9), each reads one object: ${HIT_MS} ms, and ${MISS_MS} ms more if it is missing. The shipped patience of 100 ms unless the name says 0. Means of ${some.length} seed${some.length === 1 ? '' : 's'}; the second half of each load.`,
      'Two choices, the shortest queue (oblivious of colors) and CH-RLU are written for this comparison after their papers; bounded loads is a shipped policy.',
      'Cells are: hit ratio in % / p50 / p99 in ms.',
    ],
    plots: [
      {
        title: 'Hit ratio by load',
        kind: 'lines',
        x: { name: 'invocations a second', values: rates },
        y: { name: 'hit ratio in %' },
        series: names.map((name) => ({
          name,
          means: loads.map((found) => 100 * observed(found.get(name), 1).hitRatio),
        })),
      },
      {
        title: 'Hit ratio over time: a worker joins at 20 s, another is down from 40 to 45 s',
        kind: 'lines',
        x: { name: 's', values: Array.from({ length: CHANGING_S / ROUND_S }, (_, i) => ROUND_S * i) },
        y: { name: 'hit ratio in %' },
        series: names.map((name) => ({
          name,
          means: Array.from({ length: CHANGING_S / ROUND_S }, (_, i) => 100 * observed(changes.get(name), i).hitRatio),
        })),
      },
    ],
    tables: [
      {
        title: 'Load',
        columns: ['', ...rates.map((rate) => `${rate} a second`)],
        rows: names.map((name) => [name, ...loads.map((found) => shown(observed(found.get(name), 1)))]),
      },
      {
        title: 'A burst: 5,000 a second, 12,240 for 5 s, then 5,000 again',
        columns: ['', 'before (5–10 s)', 'burst', '5–10 s after it', '15–20 s after it'],
        rows: rows(burst, (results) => [1, 2, 4, 6].map((window) => shown(observed(results, window)))),
      },
      {
        title: 'A worker joins at 20 s, another is down from 40 to 45 s (4,000 a second)',
        columns: ['', 'before', '20–25 s', '30–35 s', '40–45 s', '45–50 s', '55–60 s'],
        rows: rows(changes, (results) => [3, 4, 6, 8, 9, 11].map((window) => shown(observed(results, window)))),
      },
      {
        title: 'Invokers 1:4: 5 workers with 4 slots and 4 with 16',
        columns: ['', 'all', 'invocations for the slots, max/mean'],
        rows: rows(unequal, (results) => [shown(observed(results)), mean(results, (one) => one.imbalance).toFixed(2)]),
      },
      {
        title: 'A color hotter than a worker: it has 60 % of 4,000 a second, which takes 12 slots',
        columns: ['', 'all', 'at home in %'],
        rows: rows(hot, (results) => [shown(observed(results)), percent(mean(results, (one) => one.atHome))]),
      },
      {
        title: 'Mixed: half of 5,000 a second has no color and takes 10 ms',
        columns: ['', 'all'],
        rows: rows(mixed, (results) => [shown(observed(results))]),
      },
    ],
    findings: [],
  };
}
