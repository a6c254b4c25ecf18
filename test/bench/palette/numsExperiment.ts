import { against, bestOf, faastFinding, GAIN_COLUMNS, gains, runTimePlot, summary, verdict } from './graphReport.js';
import { IDLE_FIRST, PAPERS, QUEUEING } from './graphRuns.js';
import { graphOf, type GraphSpec } from './graphSpecs.js';
import { NETWORKS, SHOWN } from './networks.js';
import { change, type Context, type Section } from './results.js';

export async function numsExperiment({ quick, seeds, run, progress }: Context): Promise<Section> {
  const specs: readonly GraphSpec[] = [
    { of: 'matrix product', blocks: quick ? 4 : 6 },
    { of: 'TSQR', blocks: quick ? 32 : 64 },
    { of: 'Newton', blocks: quick ? 16 : 32 },
  ];
  const graphs = specs.map(graphOf);
  const all = await Promise.all(
    NETWORKS.map(async ({ name, network }) => {
      const times = await Promise.all(specs.map((graph) => run({ kind: 'graph', graph, workers: 16, network, seeds })));
      progress(`NumS: ${name}`);
      return { name, times };
    }),
  );
  const timesAt = (network: string) => all.find(({ name }) => name === network)?.times ?? [];
  const shown = timesAt(SHOWN);
  const best = bestOf(shown, PAPERS);
  const found = against(shown, best, QUEUEING);
  return {
    name: 'nums',
    title: 'NumS (simulated)',
    notes: [
      `By the algorithms: ${graphs.map(({ name, tasks }) => `${name} (${tasks.length} tasks)`).join(', ')}. Durations from floating-point operations at 20 GFlop/s. 16 workers with one slot, a latency of 1 ms.`,
    ],
    plots: [
      runTimePlot(
        `Run time against random, queueing, ${SHOWN}`,
        { name: 'graph', values: graphs.map(({ name }) => name) },
        shown,
        best,
      ),
    ],
    tables: all.flatMap(({ name, times }) => [
      summary(`All three, ${name}`, times),
      {
        title: `Each, ${name}: ${best}`,
        columns: ['graph', ...GAIN_COLUMNS],
        rows: graphs.map((graph, i) => [graph.name, ...gains(times.slice(i, i + 1), best)]),
      },
    ]),
    figures: { queueing: found, idleFirst: against(shown, best, IDLE_FIRST) },
    findings: [
      {
        claim: 'NumS: run time against the oblivious platform',
        paper: '−37 %',
        here: `${change(found)} (${best}, ${SHOWN}); ${change(against(timesAt('1 Gbit/s'), best, QUEUEING))} at 1 Gbit/s`,
        verdict: verdict(found, -0.37),
        why: 'The sizes of the paper’s matrices and its network are not in the sources.',
      },
      faastFinding('NumS', shown),
    ],
  };
}
