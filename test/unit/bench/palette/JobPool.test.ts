import assert from 'node:assert/strict';
import { JobPool } from '../../../bench/palette/JobPool.js';
import { runJob, type JobOf } from '../../../bench/palette/jobs.js';
import { SOCIAL } from '../../../bench/palette/socialNetwork.js';

const GRAPH: JobOf<'graph'> = {
  kind: 'graph',
  graph: { of: 'taskbench', pattern: 'fft', width: 4, steps: 4, ms: 10, bytes: 1e6 },
  workers: 4,
  network: { latencyMs: 1, bandwidth: 1e6 },
  seeds: [1, 2],
};
const SOCIAL_JOB: JobOf<'social'> = {
  kind: 'social',
  graph: undefined,
  options: { ...SOCIAL, requests: 200 },
  seed: 1,
  cases: ['random', 'least-assigned'].map((policy) => ({
    policy,
    workers: 4,
    cache: 25,
    lookups: 'together',
    homesStay: false,
  })),
};
const LOAD: JobOf<'load'> = {
  kind: 'load',
  load: { phases: [[1000, 1]], windowMs: 500 },
  ways: [{ policy: 'two-choices', patienceMs: 0 }],
  seed: 1,
};

describe('the threads of the experiments', () => {
  let pool: JobPool;
  const seconds: number[] = [];
  const meter = { begin: () => {}, end: (used: number) => void seconds.push(used) };
  beforeEach(() => {
    seconds.length = 0;
    pool = new JobPool(2);
  });
  afterEach(() => pool.close());

  it('give the results that the jobs have without threads, and their processor times', async () => {
    const [graph, social, load] = await Promise.all([
      pool.run(GRAPH, meter),
      pool.run(SOCIAL_JOB, meter),
      pool.run(LOAD, meter),
    ]);
    assert.deepEqual(graph, runJob('graph', GRAPH).result);
    assert.deepEqual(social, runJob('social', SOCIAL_JOB).result);
    assert.deepEqual(load, runJob('load', LOAD).result);
    assert.equal(social.length, 2);
    assert.equal(load[0]?.windows.length, 2);
    assert.equal(seconds.length, 3);
    assert.ok(
      seconds.every((used) => used > 0),
      String(seconds),
    );
  });

  it('go on after a job that fails, and say why it did', async () => {
    const wrong: JobOf<'graph'> = { ...GRAPH, graph: { of: 'tpch', query: 23, scale: 1 } };
    const jobs = [wrong, wrong, wrong, GRAPH].map((job) => pool.run(job, meter));
    const settled = await Promise.allSettled(jobs);
    assert.deepEqual(
      settled.map(({ status }) => status),
      ['rejected', 'rejected', 'rejected', 'fulfilled'],
    );
    await assert.rejects(pool.run(wrong, meter), /TPC-H has no query 23/);
  });
});
