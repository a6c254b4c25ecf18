import { simulateTrace, TraceBuilder } from '../../../controller/simulate/index.js';
import { BALANCER } from '../../../controller/loadbalancer/ShardingBalancer.js';
import type { Json } from '../../../shared/entities/keyvalue.js';
import { testServer } from '../../conformance/server.js';
import { Caller } from '../colorWorkload.js';
import { percent, type Context, type Section } from './results.js';
import { SOCIAL, timelineRequests, type TimelineRequest } from './socialNetwork.js';
import { graphFor } from './socialRuns.js';

/*
 * The social network on a real server, beside the simulation of the same requests. Each invoker has room for one container, so that
 * the memory of its process is the worker's cache. Requests come one after the other: placement alone decides on hits.
 */

/** Keeps the newest posts that it read; a missing post takes a pause, as a database would. */
const READ_TIMELINE = `
const kept = new Map();
async function main({ posts, cache, missMs }) {
  const missing = posts.filter((post) => !kept.has(post));
  for (const post of posts) if (kept.delete(post)) kept.set(post, true);
  if (missing.length > 0) await new Promise((resolve) => setTimeout(resolve, missMs));
  for (const post of missing) kept.set(post, true);
  while (kept.size > cache) kept.delete(kept.keys().next().value);
  return { hits: posts.length - missing.length };
}`;

const MISS_MS = 8;
/** The largest difference of hit ratios, in points, that counts as agreement. */
const TOLERANCE = 3;

export async function realExperiment(context: Context): Promise<Section> {
  const requests = timelineRequests(graphFor(context.graph, 1), { ...SOCIAL, requests: context.quick ? 300 : 600 }, 1);
  const configurations = (context.quick ? [4] : [2, 4]).flatMap((workers) =>
    (['random', 'consistent-hashing', 'least-assigned'] as const).map((policy) => ({ workers, policy, cache: 25 })),
  );
  const rows: (string | number)[][] = [];
  let agree = 0;
  for (const workers of new Set(configurations.map((one) => one.workers))) {
    const server = await testServer(['--process', '--invokers', String(workers), '--memory', '128', '--no-catalog']);
    const caller = new Caller(server.base);
    try {
      for (const { policy, cache } of configurations.filter((one) => one.workers === workers)) {
        context.progress(`real social network: ${workers} invokers, ${policy}`);
        const real = await measure(caller, requests, policy, cache);
        const simulated = simulate(requests, policy, workers, cache);
        const difference = 100 * (real.hitRatio - simulated);
        if (Math.abs(difference) <= TOLERANCE) agree++;
        rows.push([
          workers,
          policy,
          percent(real.hitRatio),
          percent(simulated),
          difference.toFixed(1),
          percent(real.atHome),
          real.reads,
          real.p50.toFixed(1),
        ]);
      }
    } finally {
      await caller.close();
      await server.stop();
    }
  }
  return {
    name: 'real',
    title: 'Social network (real, small)',
    notes: [
      `${requests.length} requests of the simulated workload (color = user, 25 posts a worker) to a standalone server with processes as containers, one after the other. Each invoker has room for one container, whose memory is the cache; one action reads both timelines. The graph is ${context.graph === undefined ? 'generated' : 'that of the given file'}. A pause of ${MISS_MS} ms stands for the database.`,
      'The simulation has the same requests, the same policy with the same seed, and as many workers.',
    ],
    plots: [],
    tables: [
      {
        title: 'Hit ratio in %: measured and simulated',
        columns: [
          'invokers',
          'policy',
          'measured',
          'simulated',
          'difference',
          'at home',
          'database reads',
          'p50 in ms',
        ],
        rows,
      },
    ],
    findings: [
      {
        claim: 'The simulation predicts the hit ratios of a real server',
        paper: 'not applicable',
        here: `within ${TOLERANCE} points in ${agree} of ${configurations.length} configurations`,
        verdict: agree >= 6 && agree === configurations.length ? 'validated' : 'not validated',
        why: 'Hit ratios only, and validated only with six configurations. For run times see the graphs.',
      },
    ],
  };
}

interface Measured {
  readonly hitRatio: number;
  readonly atHome: number;
  readonly reads: number;
  readonly p50: number;
}

async function measure(
  caller: Caller,
  requests: readonly TimelineRequest[],
  policy: string,
  cache: number,
): Promise<Measured> {
  // A new action has new containers: nothing is left of the policy before.
  const name = `ReadTimeline-${policy}`;
  await caller.createAction(name, READ_TIMELINE, { color: '{user}', 'color-policy': policy });
  const times: number[] = [];
  let [hits, reads, home] = [0, 0, 0];
  for (const { user, posts } of requests) {
    const begun = performance.now();
    const params = { user: `user${user}`, posts: [...posts], cache, missMs: MISS_MS };
    const record = await caller.request('POST', `/actions/${name}?blocking=true`, params);
    times.push(performance.now() - begun);
    const { result } = record['response'] as { result: { hits: number } };
    const annotations = record['annotations'] as { key: string; value: Json }[];
    hits += result.hits;
    reads += posts.length;
    if (annotations.some(({ key, value }) => key === 'colorHome' && value === true)) home++;
  }
  await caller.request('DELETE', `/actions/${name}`);
  times.sort((a, b) => a - b);
  return {
    hitRatio: hits / reads,
    atHome: home / requests.length,
    reads: reads - hits,
    p50: times[Math.floor(times.length / 2)] ?? NaN,
  };
}

function simulate(requests: readonly TimelineRequest[], policy: string, workers: number, cache: number): number {
  const builder = new TraceBuilder();
  requests.forEach(({ user, posts }, i) =>
    builder.add({ t: 20 * i, color: `user${user}`, action: `ReadTimeline-${policy}`, reads: posts, ms: 2 }),
  );
  const { hitRatio } = simulateTrace(builder.build(), {
    policy,
    // The server has the standard seed, too.
    parameters: BALANCER.colors.parameters,
    workers: Array.from({ length: workers }, () => 1),
    cache,
    missMs: MISS_MS,
    seed: 1,
  });
  return hitRatio;
}
