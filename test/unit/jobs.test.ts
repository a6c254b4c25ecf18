import assert from 'node:assert/strict';
import { inLanes, inOrder, jobsOf } from '../jobs.js';

describe('the jobs of a test run', () => {
  it('are one for a tier, and one for each folder of the integration tier', () => {
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
      jobsOf('e2e', files).map(({ name }) => name),
      ['e2e'],
    );
    assert.deepEqual(jobsOf('unit', []), []);
  });

  it('hold every file once, in whichever order they begin', () => {
    const files = ['distributed/a.test.ts', 'x.test.ts', 'couchdb/y.test.ts', 'kafka/z.test.ts'];
    const jobs = inOrder(jobsOf('integration', files));
    assert.deepEqual(jobs.flatMap((job) => job.files).toSorted(), files.toSorted());
    assert.equal(jobs[0]?.name, 'integration/distributed');
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
