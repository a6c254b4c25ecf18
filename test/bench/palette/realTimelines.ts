import { randomUUID } from 'node:crypto';
import { request as httpRequest } from 'undici';
import * as z from 'zod';
import { simulateTrace, TraceBuilder } from '../../../controller/simulate/index.js';
import { BALANCER } from '../../../controller/loadbalancer/ShardingBalancer.js';
import { POLICY_NAMES, type PolicyName } from '../../../shared/colors/ColorPolicy.js';
import { testServer } from '../../conformance/server.js';
import { startCouch } from '../../integration/couchdb/couch.js';
import { Caller } from '../colorWorkload.js';
import { quantile } from '../statistics.js';
import { objectFigures } from './objectFigures.js';
import { percent, type Context, type Section } from './results.js';
import { SOCIAL, timelineRequests, type TimelineRequest } from './socialNetwork.js';
import { graphFor } from './socialRuns.js';

/*
 * The social network as the paper has it, on a real server: two actions, a document database, and posts as objects of
 * the color of the user, which both actions share. One fixed trace in random order, one request after the other.
 */

/** Reads posts as objects of the user's color; the missing ones with one request to the database. */
const READ_TIMELINE = `
const objects = require('palette-whisk/objects');
async function fromDatabase(url, keys) {
  const response = await fetch(url + '/_all_docs?include_docs=true', {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ keys }),
  });
  if (!response.ok) throw new Error('the database answered ' + response.status);
  return (await response.json()).rows.map(({ doc }) => doc);
}
async function main({ color, posts, database, policy }) {
  const found = await Promise.all(posts.map((post) => objects.get(color, post, { policy })));
  const missing = posts.filter((_, i) => found[i] === undefined);
  if (missing.length === 0) return { found: posts.length, databaseMs: 0 };
  const from = performance.now();
  const docs = await fromDatabase(database, missing);
  const databaseMs = performance.now() - from;
  await Promise.all(docs.map(({ _id, text }) => objects.put(color, _id, text, { policy })));
  return { found: posts.length - missing.length, databaseMs };
}`;
const ACTIONS = { home: 'ReadHomeTimeline', user: 'ReadUserTimeline' } as const;

/** Of a post. With the memory of objects at its least, as many as the paper's caches fit on an invoker. */
const POST_BYTES = 4000;
const OBJECTS_MEMORY = '1 MB';
const TOLERANCE = 3;

const resultSchema = z.object({
  response: z.object({ result: z.object({ found: z.number(), databaseMs: z.number() }) }),
});

interface Measured {
  /** Reads of posts, those that were found as objects, and those that were found on the invoker of the action. */
  readonly reads: number;
  readonly found: number;
  readonly local: number;
  readonly times: readonly number[];
  readonly databaseTimes: readonly number[];
  /** The most posts that an invoker kept. */
  readonly kept: number;
}

export async function timelinesExperiment(context: Context): Promise<Section> {
  const requests = timelineRequests(graphFor(context.graph, 1), { ...SOCIAL, requests: context.quick ? 80 : 250 }, 1);
  const couch = await startCouch();
  const database = `${couch.url}/timelines-${randomUUID()}`;
  const rows: (string | number)[][] = [];
  let [agree, compared] = [0, 0];
  let kept = 0;
  const databaseTimes: number[] = [];
  try {
    await fill(database, [...new Set(requests.flatMap(({ posts }) => posts))]);
    for (const workers of context.quick ? [4] : [1, 2, 4]) {
      for (const { policy, real } of await measureAll(context, requests, database, workers)) {
        databaseTimes.push(...real.databaseTimes);
        kept = Math.max(kept, real.kept);
        const simulated = simulate(requests, policy, workers, real.kept);
        const difference = 100 * (real.found / real.reads - simulated);
        compared++;
        if (Math.abs(difference) <= TOLERANCE) agree++;
        rows.push([
          workers,
          policy,
          percent(real.local / real.reads),
          percent(real.found / real.reads),
          percent(simulated),
          difference.toFixed(1),
          real.reads - real.found,
          real.databaseTimes.length,
          quantile(real.times, 0.5).toFixed(0),
          quantile(real.times, 0.99).toFixed(0),
        ]);
      }
    }
  } finally {
    await httpRequest(database, { method: 'DELETE' }).then(({ body }) => body.dump());
    await couch.close();
  }
  databaseTimes.sort((a, b) => a - b);
  return {
    name: 'timelines',
    title: 'Social network with a database (real, small)',
    notes: [
      `${requests.length} requests in random order to ReadHomeTimeline and ReadUserTimeline, color = user, one after the other, on a standalone server with processes as containers. The graph is ${context.graph === undefined ? 'generated' : 'that of the given file'}. Posts of ${POST_BYTES} bytes are objects of the color, which both actions share. The memory of objects is at its least: about ${kept} posts an invoker.`,
      `Missing posts come with one request from a CouchDB, or its stand-in for tests: ${quantile(databaseTimes, 0.5).toFixed(0)} ms in the median, ${quantile(databaseTimes, 0.99).toFixed(0)} ms for one in a hundred.`,
      'Objects have homes also under the policies without: by consistent hashing. So such a policy finds as many posts, but most of them on another invoker; “local” is the part on the action’s own invoker, by the share of requests for objects that invokers sent to each other.',
    ],
    plots: [],
    tables: [
      {
        title: 'Hit ratios in % and latency in ms',
        columns: [
          'invokers',
          'policy',
          'local',
          'found',
          'found, simulated',
          'difference',
          'posts from the database',
          'requests to it',
          'p50',
          'p99',
        ],
        rows,
      },
    ],
    findings: [
      {
        claim: 'The simulation predicts the hit ratios of two actions that share objects',
        paper: 'not applicable',
        here: `within ${TOLERANCE} points in ${agree} of ${compared} configurations`,
        verdict: agree >= 6 && agree === compared ? 'validated' : 'not validated',
        why: 'Validated means all, and at least six configurations.',
      },
    ],
  };
}

async function send(method: 'PUT' | 'POST', url: string, value?: object): Promise<void> {
  const { statusCode, body } = await httpRequest(url, {
    method,
    headers: { 'content-type': 'application/json' },
    body: value === undefined ? null : JSON.stringify(value),
  });
  const text = await body.text();
  if (statusCode >= 300) throw new Error(`${method} ${url} answered ${statusCode}: ${text}`);
}

async function fill(database: string, posts: readonly string[]): Promise<void> {
  await send('PUT', database);
  for (let i = 0; i < posts.length; i += 500) {
    const docs = posts.slice(i, i + 500).map((_id) => ({ _id, text: 'x'.repeat(POST_BYTES) }));
    await send('POST', `${database}/_bulk_docs`, { docs });
  }
}

/** Where one invoker is the home of all colors, two policies are enough. */
const policiesFor = (workers: number): readonly PolicyName[] =>
  workers === 1 ? ['random', 'least-assigned'] : POLICY_NAMES;

/** All policies one after the other on one server. Each has colors of its own, and so begins without hits. */
async function measureAll(
  context: Context,
  requests: readonly TimelineRequest[],
  database: string,
  workers: number,
): Promise<{ readonly policy: PolicyName; readonly real: Measured }[]> {
  const server = await testServer(['--process', '--invokers', String(workers), '--memory', '256', '--no-catalog'], {
    CONFIG_whisk_objects_memory: OBJECTS_MEMORY,
  });
  const caller = new Caller(server.base);
  try {
    for (const name of Object.values(ACTIONS)) await caller.createAction(name, READ_TIMELINE, { color: '{color}' });
    const call = async (kind: TimelineRequest['kind'], policy: string, color: string, posts: readonly string[]) => {
      const params = { color, posts: [...posts], database, policy };
      const headers = { 'X-OpenWhisk-Color-Policy': policy };
      const record = await caller.request('POST', `/actions/${ACTIONS[kind]}?blocking=true`, params, headers);
      return resultSchema.parse(record).response.result;
    };
    await warm(call, workers);
    const measured: { policy: PolicyName; real: Measured }[] = [];
    for (const policy of policiesFor(workers)) {
      context.progress(`timelines: ${workers} invokers, ${policy}`);
      measured.push({ policy, real: await measure(call, server.base, requests, policy) });
    }
    return measured;
  } finally {
    await caller.close();
    await server.stop();
  }
}

type Call = (
  kind: TimelineRequest['kind'],
  policy: string,
  color: string,
  posts: readonly string[],
) => Promise<z.infer<typeof resultSchema>['response']['result']>;

/** The color of a user, for each policy another one. */
const colorOf = (policy: string, user: number): string => `${policy}/user${user}`;

async function measure(
  call: Call,
  base: string,
  requests: readonly TimelineRequest[],
  policy: string,
): Promise<Measured> {
  const before = await objectFigures(base);
  const times: number[] = [];
  const databaseTimes: number[] = [];
  let [reads, found] = [0, 0];
  for (const { kind, user, posts } of requests) {
    const begun = performance.now();
    const result = await call(kind, policy, colorOf(policy, user), posts);
    times.push(performance.now() - begun);
    if (result.databaseMs > 0) databaseTimes.push(result.databaseMs);
    reads += posts.length;
    found += result.found;
  }
  times.sort((a, b) => a - b);
  const after = await objectFigures(base);
  const sum = (figures: typeof after): number => figures.reduce((total, { forwarded }) => total + forwarded, 0);
  const operations = reads + (reads - found);
  return {
    reads,
    found,
    local: localHits(found, operations, sum(after) - sum(before)),
    times,
    databaseTimes,
    kept: Math.max(...after.map(({ objects }) => objects)),
  };
}

/** Of the posts that were found: requests to other invokers are as frequent among them as among all. */
const localHits = (found: number, operations: number, forwarded: number): number =>
  found * (1 - forwarded / Math.max(1, operations));

/** Fills all slots once, so that containers take the memory that objects could have. */
async function warm(call: Call, workers: number): Promise<void> {
  for (const kind of ['home', 'user'] as const) {
    await Promise.all(Array.from({ length: 3 * workers }, (_, i) => call(kind, 'random', `warm${i}`, [])));
  }
}

function simulate(requests: readonly TimelineRequest[], policy: string, workers: number, cache: number): number {
  const builder = new TraceBuilder();
  requests.forEach(({ kind, user, posts }, i) => {
    const color = colorOf(policy, user);
    builder.add({
      t: 50 * i,
      color,
      action: ACTIONS[kind],
      reads: posts.map((post): [string, number] => [`${color}/${post}`, 1]),
      ms: 5,
    });
  });
  return simulateTrace(builder.build(), {
    // Without homes, objects have those of consistent hashing.
    policy: policy === 'random' || policy === 'round-robin' ? 'consistent-hashing' : policy,
    parameters: BALANCER.colors.parameters,
    workers: Array.from({ length: workers }, () => 2),
    cache,
    missMs: 8,
    seed: 1,
  }).hitRatio;
}
