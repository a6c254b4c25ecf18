import { TASK_BENCH_PATTERNS, type Network } from '../../../controller/simulate/index.js';
import { against, bestOf, faastFinding, summary, verdict } from './graphReport.js';
import { IDLE_FIRST, INFORMED, PAPERS, QUEUEING, type Times } from './graphRuns.js';
import { change, type Context, type Plot, type Section } from './results.js';

const NETWORK: Network = { latencyMs: 1, bandwidth: 1e6 };
const TASK_MS = 100;
/** The size and the ratio of the findings. */
const [WIDTH, STEPS, RATIO] = [16, 20, 0.5];
const SHOWN_RATIOS = [0.1, 0.5, 2];

interface Size {
  readonly width: number;
  readonly steps: number;
}

/** One size at one ratio of communication to computation, by pattern. */
interface Found extends Size {
  readonly ratio: number;
  readonly times: readonly Times[];
}

export async function taskBenchExperiment(context: Context): Promise<Section> {
  const { quick } = context;
  const ratios = quick ? SHOWN_RATIOS : [0.01, 0.1, 0.5, 2, 10];
  const sizes: readonly Size[] = quick
    ? [{ width: WIDTH, steps: STEPS }]
    : [16, 32, 64].flatMap((width) => [20, 100].map((steps) => ({ width, steps })));
  // The largest ones first, so that no thread has one left at the end.
  const ordered = sizes.toSorted((a, b) => b.width * b.steps - a.width * a.steps);
  const all = await Promise.all(ordered.flatMap((size) => ratios.map((ratio) => timesAt(size, ratio, context))));
  const at = (width: number, steps: number, ratio: number): readonly Times[] =>
    all.find((one) => one.width === width && one.steps === steps && one.ratio === ratio)?.times ?? [];
  const byRatio = new Map(ratios.map((ratio) => [ratio, at(WIDTH, STEPS, ratio)]));
  const middle = byRatio.get(RATIO) ?? [];
  const best = bestOf(middle, PAPERS);
  const lines = (title: string, baseline: string): Plot => ({
    title,
    kind: 'lines',
    x: { name: 'communication/computation', values: ratios },
    y: { name: 'run time in %' },
    series: [best, 'chains, consistent-hashing', 'chains, consistent-hashing, patient', IDLE_FIRST, INFORMED].map(
      (name) => ({
        name,
        means: ratios.map((ratio) => 100 * (1 + against(byRatio.get(ratio) ?? [], name, baseline))),
      }),
    ),
  });
  const found = against(middle, best, QUEUEING);
  return {
    name: 'taskbench',
    title: 'Task Bench (simulated)',
    notes: [
      'The 12 patterns of Task Bench by the definitions in its core.cc (radix 3, period 3, fraction 0.25); random_spread has no definition there and is ours. As many workers as points, one slot each, tasks of 100 ms, a latency of 1 ms; transfers to a worker share its link.',
      'A ratio of communication to computation is the time to move one result over that of one task. Figures are means over the 12 patterns.',
      '“Queueing” chooses a random worker whether it is busy or not, as the paper’s oblivious platform; “idle first” knows the free slots, as Apache OpenWhisk does; the shortest queue and the shorter of two know the queues. “Patient” waits at the home for up to two runs of a task; without it a task goes to the next choice with a free slot, as `runDag` asks for.',
    ],
    plots: [
      lines('Run time against random, queueing', QUEUEING),
      lines('Run time against random, idle first', IDLE_FIRST),
    ],
    tables: [
      ...ratios
        .filter((ratio) => SHOWN_RATIOS.includes(ratio))
        .map((ratio) => summary(`Communication/computation ${ratio}, 16 × 20`, byRatio.get(ratio) ?? [])),
      {
        title: `By pattern: ${best}, communication/computation 0.5`,
        columns: ['pattern', 'against queueing', 'against idle first'],
        rows: TASK_BENCH_PATTERNS.map((pattern, i) => {
          const one = middle.slice(i, i + 1);
          return [pattern, change(against(one, best, QUEUEING)), change(against(one, best, IDLE_FIRST))];
        }),
      },
      ...(['against queueing', 'against idle first'] as const).map((title) => ({
        title: `By size and communication/computation, ${title}: the best coloring of each`,
        columns: ['width × steps', ...ratios.map(String)],
        rows: sizes.map(({ width, steps }) => [
          `${width} × ${steps}`,
          ...ratios.map((ratio) => {
            const times = at(width, steps, ratio);
            const baseline = title === 'against queueing' ? QUEUEING : IDLE_FIRST;
            return change(against(times, bestOf(times, PAPERS, baseline), baseline));
          }),
        ]),
      })),
    ],
    figures: { queueing: found, idleFirst: against(middle, best, IDLE_FIRST) },
    findings: [
      {
        claim: 'Task Bench: run time against the oblivious platform',
        paper: '−46 %',
        here: `${change(found)} (${best}, communication/computation 0.5)`,
        verdict: verdict(found, -0.46),
        why: 'Against a platform that queues at a random worker.',
      },
      {
        claim: 'Task Bench: run time against a platform that knows the free slots',
        paper: 'not reported',
        here: ratios
          .filter((ratio) => SHOWN_RATIOS.includes(ratio))
          .map((ratio) => `${change(against(byRatio.get(ratio) ?? [], best, IDLE_FIRST))} at ${ratio}`)
          .join(', '),
        verdict: 'other configuration',
        why: 'Most of the gain of the paper is that tasks do not queue; locality itself is worth this much.',
      },
      faastFinding('Task Bench', middle),
    ],
  };
}

async function timesAt(size: Size, ratio: number, { seeds, run, progress }: Context): Promise<Found> {
  const { width, steps } = size;
  const bytes = Math.max(0, ratio * TASK_MS - NETWORK.latencyMs) * NETWORK.bandwidth;
  const times = await Promise.all(
    TASK_BENCH_PATTERNS.map((pattern) => {
      const graph = { of: 'taskbench', pattern, ...size, ms: TASK_MS, bytes } as const;
      return run({ kind: 'graph', graph, workers: width, network: NETWORK, seeds });
    }),
  );
  progress(`Task Bench: width ${width}, ${steps} steps, communication/computation ${ratio}`);
  return { ...size, ratio, times };
}
