import assert from 'node:assert/strict';
import { blocksOf, commandsOf, isShown } from '../../integration/docs/blocks.js';

const PAGE = [
  'Text',
  '',
  '<!-- not run: needs Docker -->',
  '',
  '```sh',
  'docker ps',
  '```',
  '',
  '1. In a list:',
  '',
  '   ```console',
  '   $ cat > a <<E',
  '   $ not a command',
  '   E',
  '   $ echo one \\',
  '     two',
  '   one two',
  '   ```',
].join('\n');

describe('the code blocks of a page', () => {
  it('have their line, their language, and the comment right before them', () => {
    assert.deepEqual(
      blocksOf(PAGE).map(({ line, language, note }) => [line, language, note]),
      [
        [5, 'sh', 'not run: needs Docker'],
        [11, 'console', undefined],
      ],
    );
    assert.throws(() => blocksOf('```sh\nls'), /line 1 has no end/);
  });

  it('are divided into commands and their output', () => {
    const [script, session] = blocksOf(PAGE);
    assert.ok(script && session);
    assert.deepEqual(commandsOf(script), [{ text: 'docker ps', output: undefined }]);
    assert.deepEqual(commandsOf(session), [
      { text: 'cat > a <<E\n$ not a command\nE', output: undefined },
      { text: 'echo one \\\n  two', output: 'one two' },
    ]);
    assert.throws(() => commandsOf({ line: 1, language: 'console', text: 'ls', note: undefined }), /begins with/);
  });

  it('show output that differs in times, ids and columns only', () => {
    assert.ok(isShown('2026-11-21T03:08:37.177Z stdout: hi', '2026-12-01T00:00:00.1Z    stdout: hi\n'));
    assert.ok(isShown('ok: … done', 'ok: one\ntwo done'));
    assert.ok(!isShown('{"a":1}', '{"a":2}'));
    assert.ok(!isShown('a', 'a b'));
  });
});
