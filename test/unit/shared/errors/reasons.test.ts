import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { codeOf, describeBriefly, messageOf, stderrOf } from '../../../../shared/errors/reasons.js';

const caught = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => assert.fail('it did not fail'),
    (error: unknown) => error,
  );

describe('reasons of errors', () => {
  it('read the code and the message of an error of Node', async () => {
    const error = await caught(readFile('/nowhere/at/all'));
    assert.equal(codeOf(error), 'ENOENT');
    assert.match(messageOf(error), /^ENOENT: no such file/);
    assert.equal(stderrOf(error), '');
  });

  it('read the exit code and the standard error of a program', async () => {
    const program = ['-e', 'console.error(" broken "); process.exit(3)'];
    const error = await caught(promisify(execFile)(process.execPath, program));
    assert.equal(codeOf(error), 3);
    assert.equal(stderrOf(error), 'broken');
  });

  it('are told with their causes in one line', () => {
    const several = Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' });
    assert.equal(
      describeBriefly(new TypeError('fetch failed', { cause: several })),
      'fetch failed (cause: ECONNREFUSED)',
    );
    assert.equal(describeBriefly(new Error('two\n  lines', { cause: 'text' })), 'two lines (cause: text)');
    assert.equal(describeBriefly(undefined), 'undefined');
  });

  it('read values that are not errors', () => {
    assert.equal(messageOf({ message: 'of a foreign realm' }), 'of a foreign realm');
    assert.equal(messageOf('text'), 'text');
    assert.equal(messageOf(undefined), 'undefined');
    assert.equal(messageOf({ message: 7 }), '[object Object]');
    for (const value of ['text', null, undefined, 7, {}, { code: {}, stderr: 7 }]) {
      assert.equal(codeOf(value), undefined);
      assert.equal(stderrOf(value), '');
    }
  });
});
