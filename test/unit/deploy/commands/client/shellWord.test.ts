import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { shellWord } from '../../../../../deploy/commands/client/shellWord.js';

describe('an argument in a command to copy', () => {
  it('stays as it is if it is a plain name', () => {
    for (const plain of ['hello', './functions', '/a/b-c_d.js', 'größe', 'pack/name@1']) {
      assert.equal(shellWord(plain), plain);
    }
  });

  it('reaches the program unchanged, whatever characters it has', () => {
    for (const text of ['my functions', "it's", 'a;b', '$HOME', '`id`', '', 'new\nline', '*', '~', '"x"', 'é è']) {
      const printed = execFileSync('/bin/sh', ['-c', `printf %s ${shellWord(text)}`]).toString();
      assert.equal(printed, text);
    }
  });
});
