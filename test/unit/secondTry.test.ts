import assert from 'node:assert/strict';
import type { FileResult } from '../results.js';
import { filesToTryAgain } from '../secondTry.js';

const file = (name: string, failed: number): FileResult => ({
  name,
  ms: 1,
  passed: 5,
  failed,
  skipped: 0,
  failures: [],
});

describe('a second try', () => {
  it('is for the files with a failed test only', () => {
    assert.deepEqual(
      filesToTryAgain([file('unit/a.test.ts', 0), file('e2e/b.test.ts', 1), file('unit/c.test.ts', 2)]),
      ['e2e/b.test.ts', 'unit/c.test.ts'],
    );
    assert.deepEqual(filesToTryAgain([file('unit/a.test.ts', 0)]), []);
  });

  it('is for no file when more than three have failed tests', () => {
    assert.deepEqual(filesToTryAgain(['a', 'b', 'c', 'd'].map((name) => file(`unit/${name}.test.ts`, 1))), []);
  });
});
