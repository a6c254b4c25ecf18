import assert from 'node:assert/strict';
import { runProgram } from '../../../../../invoker/containers/oci/programs.js';

describe('a program that a container needs', () => {
  it('is killed at its limit, also if it is frozen, or has started another one that goes on', async () => {
    for (const script of ['kill -STOP $$', 'sleep 100 & echo waiting >&2; wait']) {
      await assert.rejects(
        runProgram('/bin/sh', ['-c', script], '', 300),
        /^Error: \/bin\/sh -c .*: did not end within 0.3 s$/s,
      );
    }
  });

  it('fails with its last words, or with how it ended', async () => {
    await runProgram('/bin/sh', ['-c', 'read -r word && [ "$word" = given ]'], 'given\n');
    await assert.rejects(runProgram('/bin/sh', ['-c', 'echo no such route >&2; exit 2']), /: no such route$/);
    await assert.rejects(runProgram('/bin/sh', ['-c', 'exit 3']), /: ended with code 3$/);
    await assert.rejects(runProgram('/bin/sh', ['-c', 'kill -TERM $$']), /: ended with SIGTERM$/);
    await assert.rejects(runProgram('/no/such/program', []), /ENOENT/);
  });
});
