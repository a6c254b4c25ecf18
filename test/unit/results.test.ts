import assert from 'node:assert/strict';
import { failuresText, processorText, slowestText, sumOf } from '../results.js';

describe('the failures at the end of a run', () => {
  it('name each test, and indent its reason', () => {
    assert.equal(
      failuresText([
        { title: 'unit / a queue / keeps order', reason: 'AssertionError: 1 !== 2\n    at queue.test.ts:1' },
        { title: 'coverage', reason: 'too few lines' },
      ]),
      [
        'FAILED unit / a queue / keeps order',
        '    AssertionError: 1 !== 2',
        '        at queue.test.ts:1',
        'FAILED coverage',
        '    too few lines',
      ].join('\n'),
    );
  });

  it('begin with another word for another list', () => {
    assert.match(failuresText([{ title: 'unit', reason: 'late' }], 'PASSED LATER'), /^PASSED LATER unit\n/);
  });

  it('show a bounded part of a long reason', () => {
    const text = failuresText([{ title: 'unit', reason: 'x'.repeat(100_000) }]);
    assert.ok(text.length < 2_000, `${text.length} characters`);
  });
});

describe('the slowest tests at the end of a run', () => {
  it('are as many as asked for, the longest first, in seconds', () => {
    const durations = [
      { name: 'quick', ms: 4 },
      { name: 'slowest', ms: 61_250 },
      { name: 'slow', ms: 2040 },
    ];
    assert.equal(
      slowestText('tests', durations, 2),
      ['the 2 slowest tests:', '    61.3 s  slowest', '     2.0 s  slow'].join('\n'),
    );
  });
});

describe('the counts of a run', () => {
  it('are the sums over its files', () => {
    const files = [
      { passed: 3, failed: 1, skipped: 0 },
      { passed: 4, failed: 0, skipped: 2 },
    ];
    assert.deepEqual(sumOf(files), { passed: 7, failed: 1, skipped: 2 });
    assert.deepEqual(sumOf([]), { passed: 0, failed: 0, skipped: 0 });
  });
});

describe('the processor time at the end of a run', () => {
  it('is that of each job, the longest first, below that of all', () => {
    const jobs = [
      { name: 'lint', ms: 2040 },
      { name: 'unit/shared', ms: 45_000 },
    ];
    assert.equal(
      processorText(jobs),
      ['the jobs by processor time:', '    47.0 s  all jobs', '    45.0 s  unit/shared', '     2.0 s  lint'].join('\n'),
    );
  });
});
