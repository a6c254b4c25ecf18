/*
 * npm run bench:idle [-- --actions N --days N --seed N]
 * npm run bench:idle -- --trace FILE [--trace FILE …] [--durations FILE …] [--share 0.01] [--most-per-minute 60]
 *
 * Without `--trace` it makes a trace of the shape of Azure's; `readTraces.ts` says which files it takes.
 *
 * Counts the cold starts of one invoker's pool on a trace, with containers that stay for a fixed idle time, and with
 * IDLE_PREDICTION: a simulation of time that runs the shipped decisions (see simulatePool.ts). Compares at equal memory:
 * the same mean memory, where the pool may grow; and the same bound.
 */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { TraceError, type Trace } from '../../../controller/simulate/index.js';
import { quantile } from '../statistics.js';
import { readTraces, TraceFilesError } from './readTraces.js';
import { simulatePool, type PoolOutcome } from './simulatePool.js';
import { azureLike, CLASSES, classOf } from './trace.js';
import { benchOptions } from '../commandLine.js';

const USAGE = `Usage: npm run bench:idle -- [options]

Counts cold starts and memory in a simulation, with containers that stay for a fixed time and with IDLE_PREDICTION.

  --actions N          the actions of a generated trace (default: 300)
  --days N             the days of a trace (default: 3)
  --seed N             the seed of the generated trace (default: 1)
  --trace FILE         a recorded trace, or a file of Azure's traces, instead of a generated one; may be repeated
  --durations FILE     the durations that belong to Azure's trace of 2019; may be repeated
  --share NUMBER       the share of the applications to take, from 0 to 1 (default: 1)
  --most-per-minute N  the most invocations of a function in a minute; the others are left out (default: 60)
  --help               print this text
`;

const { values } = benchOptions(USAGE, {
  options: {
    actions: { type: 'string', default: '300' },
    days: { type: 'string', default: '3' },
    seed: { type: 'string', default: '1' },
    trace: { type: 'string', multiple: true },
    durations: { type: 'string', multiple: true },
    share: { type: 'string', default: '1' },
    'most-per-minute': { type: 'string', default: '60' },
  },
});

const MINUTE = 60_000;
const TEN_MINUTES = 10 * MINUTE;
const lines = (file: string) => createInterface({ input: createReadStream(file), crlfDelay: Infinity });

async function load(): Promise<Trace> {
  if (values.trace === undefined) {
    return azureLike({ actions: Number(values.actions), days: Number(values.days), seed: Number(values.seed) });
  }
  return readTraces(values.trace.map(lines), {
    durations: values.durations?.map(lines),
    share: Number(values.share),
    mostPerMinute: Number(values['most-per-minute']),
  });
}

const trace = await load().catch((error: unknown) => {
  if (!(error instanceof TraceFilesError || error instanceof TraceError)) throw error;
  console.error(error.message);
  process.exit(2);
});
const days = (trace.t.at(-1) ?? 0) / (24 * 60 * MINUTE);
console.log(
  `${trace.t.length} invocations of ${trace.actions.length} actions in ${days.toFixed(1)} days, 256 MB each\n`,
);

const fixed = (idleContainerMs: number, capacityMB = Infinity): PoolOutcome =>
  simulatePool(trace, { capacityMB, idleContainerMs, predicts: false });
const predicted = (capacityMB = Infinity): PoolOutcome =>
  simulatePool(trace, { capacityMB, idleContainerMs: TEN_MINUTES, predicts: true });

/** The quantile of the actions' shares of cold starts. */
const sharesAt = ({ byAction }: PoolOutcome, q: number): number => {
  const shares = byAction.filter(({ invocations }) => invocations > 0).map((one) => one.cold / one.invocations);
  return quantile(
    shares.toSorted((a, b) => a - b),
    q,
  );
};
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const cells = (texts: readonly string[]): string => texts.map((text) => text.padStart(13)).join('');
const WIDTH = 34;

function row(name: string, outcome: PoolOutcome, base: PoolOutcome): void {
  const { cold, meanMB, meanIdleMB, waited } = outcome;
  console.log(
    `${name.padEnd(WIDTH)}${cells([
      String(cold),
      (cold / base.cold).toFixed(2),
      percent(sharesAt(outcome, 0.5)),
      percent(sharesAt(outcome, 0.75)),
      meanMB.toFixed(0),
      meanIdleMB.toFixed(0),
      String(waited),
    ])}`,
  );
}
const head = (title: string): void =>
  console.log(
    `\n${title.padEnd(WIDTH)}${cells(['cold starts', 'ratio', 'action p50', 'action p75', 'mean MB', 'idle MB', 'waited'])}`,
  );

head('Memory as needed');
const base = fixed(TEN_MINUTES);
row('fixed 10 min', base, base);
for (const minutes of [20, 60]) row(`fixed ${minutes} min`, fixed(minutes * MINUTE), base);
const free = predicted();
row('prediction, else fixed 10 min', free, base);

// The fixed time with the mean memory of the prediction, to a quarter of a minute.
let [low, high] = [0, 60 * MINUTE];
while (high - low > MINUTE / 4) {
  const middle = (low + high) / 2;
  if (fixed(middle).meanMB < free.meanMB) low = middle;
  else high = middle;
}
row(`fixed ${(low / MINUTE).toFixed(1)} min (its mean memory)`, fixed(low), base);

for (const share of [1, 0.5]) {
  const capacityMB = 256 * Math.ceil((share * base.meanMB) / 256);
  head(`At most ${capacityMB} MB`);
  const bounded = fixed(TEN_MINUTES, capacityMB);
  row('fixed 10 min', bounded, bounded);
  row('prediction, else fixed 10 min', predicted(capacityMB), bounded);
}

if (values.trace === undefined) console.log('\nCold starts by class of action, memory as needed');
for (const name of CLASSES) {
  const count = ({ byAction }: PoolOutcome): number =>
    byAction.reduce((sum, { cold }, i) => sum + (classOf(trace.actions[i] ?? '') === name ? cold : 0), 0);
  if (count(base) > 0) console.log(`  ${name.padEnd(10)} fixed 10 min ${count(base)}, prediction ${count(free)}`);
}
console.log(
  `\nStarted in advance: ${free.inAdvance}, of which ${free.inAdvanceUsed} got an invocation.` +
    `\nAgainst fixed 10 min: ${percent(free.cold / base.cold)} of its cold starts with ${percent(free.meanMB / base.meanMB)} of its mean memory.`,
);
