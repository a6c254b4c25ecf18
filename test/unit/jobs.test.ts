import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { APART, inLanes, inOrder, jobsOf, needsParts, TIERS } from '../jobs.js';

const sources = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../' : '../../../test/', import.meta.url));

describe('the jobs of a test run', () => {
  it('are one for a tier, and one for each folder of the unit and the integration tier', () => {
    const files = ['kafka/a.test.ts', 'https.test.ts', 'kafka/b.test.ts', 'api/c.test.ts'];
    assert.deepEqual(
      jobsOf('integration', files).map((job) => [job.name, job.files]),
      [
        ['integration/kafka', ['kafka/a.test.ts', 'kafka/b.test.ts']],
        ['integration', ['https.test.ts']],
        ['integration/api', ['api/c.test.ts']],
      ],
    );
    assert.deepEqual(
      jobsOf('unit', files).map(({ name }) => name),
      ['unit/kafka', 'unit', 'unit/api'],
    );
    assert.deepEqual(
      jobsOf('e2e', files).map(({ name }) => name),
      ['e2e'],
    );
    assert.deepEqual(jobsOf('unit', []), []);
    assert.deepEqual(
      jobsOf('lint', []).map(({ name }) => name),
      ['lint'],
    );
  });

  it('are one for each file that takes long', () => {
    const files = ['kafka/faults.test.ts', 'kafka/rights.test.ts', 'kafka/topics.test.ts'];
    assert.deepEqual(
      jobsOf('integration', files).map((job) => [job.name, job.files]),
      [
        ['integration/kafka/faults', ['kafka/faults.test.ts']],
        ['integration/kafka', ['kafka/rights.test.ts', 'kafka/topics.test.ts']],
      ],
    );
    for (const file of APART) assert.ok(existsSync(join(sources, file)), `${file} does not exist any more`);
  });

  it('hold every file once, in whichever order they begin', () => {
    const files = ['distributed/a.test.ts', 'x.test.ts', 'couchdb/y.test.ts', 'kafka/z.test.ts'];
    const jobs = inOrder(jobsOf('integration', files));
    assert.deepEqual(jobs.flatMap((job) => job.files).toSorted(), files.toSorted());
    assert.deepEqual(
      jobs.map(({ name }) => name),
      ['integration', 'integration/distributed', 'integration/kafka', 'integration/couchdb'],
    );
  });

  it('begin with those that need no real parts, which are prepared meanwhile', () => {
    const jobs = inOrder(TIERS.flatMap((tier) => jobsOf(tier, ['distributed/a.test.ts'])));
    assert.deepEqual(
      jobs.map(({ tier }) => needsParts(tier)),
      [false, false, true, true, true],
    );
  });

  it('run side by side in as many lanes as were asked for, each once', async () => {
    const done: number[] = [];
    let now = 0;
    let most = 0;
    await inLanes([1, 2, 3, 4, 5], 2, async (item) => {
      most = Math.max(most, ++now);
      await new Promise(setImmediate);
      now--;
      done.push(item);
    });
    assert.deepEqual(
      done.toSorted((a, b) => a - b),
      [1, 2, 3, 4, 5],
    );
    assert.equal(most, 2);
  });
});
