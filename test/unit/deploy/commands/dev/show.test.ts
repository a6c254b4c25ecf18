import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { developerLines } from '../../../../../deploy/commands/dev/show.js';
import { locate } from '../../../../../deploy/commands/dev/traces.js';
import { plain } from '../../../../../deploy/standalone/activity/paint.js';
import type { ActivationResponse } from '../../../../../shared/entities/activation.js';
import { activationRecord } from '../../../../../shared/entities/activationRecord.js';

describe('an activation that a developer sees', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'palette-whisk-show-'));
    writeFileSync(join(folder, 'hello.js'), "function main() {\n  throw new Error('no');\n}\n");
    mkdirSync(join(folder, 'pack/lib'), { recursive: true });
    writeFileSync(join(folder, 'pack/lib/tool.js'), 'one\ntwo\n');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const lines = (response: ActivationResponse, logs: string[] = []) =>
    developerLines(
      activationRecord({
        activationId: 'a1',
        user: { subject: 'guest', namespace: { name: 'guest' } },
        name: 'hello',
        start: 0,
        end: 3,
        response,
        logs,
        annotations: { path: 'guest/hello' },
      }),
      new Date(0),
      plain,
      { folder, sourceOf: (name) => (name === 'hello' ? join(folder, 'hello.js') : undefined) },
    ).slice(1);

  it('has its result and its log', () => {
    assert.deepEqual(lines({ statusCode: 0, result: { a: 1 } }, ['t stdout: hi']), [
      '    stdout: hi',
      '    result: {"a":1}',
    ]);
  });

  it('has the stack trace of the source, with the code at its first place', () => {
    const stack = 'Error: no\n    at main (/tmp/x/action.js:2:9)\n    at run (node:internal:1:2)';
    assert.deepEqual(lines({ statusCode: 1, result: { error: { message: 'no', stack } } }), [
      '    error: Error: no',
      '        at main (hello.js:2:9)',
      "    2 |   throw new Error('no');",
      '                ^',
      '        at run (node:internal:1:2)',
    ]);
    const [log, code] = lines({ statusCode: 2, result: { error: 'failed' } }, [
      't stderr:     at main (/tmp/x/action.js:2:9)',
    ]);
    assert.equal(log, '    stderr:     at main (hello.js:2:9)');
    assert.equal(code, "    2 |   throw new Error('no');");
  });

  it('has the code once if the runtime shows it', () => {
    const logs = ['t stderr:     at main (/tmp/x/action.ts.mjs:2:9)', "t stderr:   2 |   throw new Error('no');"];
    assert.deepEqual(lines({ statusCode: 2, result: { error: 'failed' } }, logs), [
      '    stderr:     at main (hello.js:2:9)',
      "    stderr:   2 |   throw new Error('no');",
      '    error: failed',
    ]);
  });

  it('names the file in a folder of several files, and in Python', () => {
    const pack = join(folder, 'pack');
    const found = locate('at f (file:///tmp/y/action-AbCdEf/lib/tool.js:2:1)', pack, folder);
    assert.deepEqual(found, {
      text: 'at f (pack/lib/tool.js:2:1)',
      place: { file: 'pack/lib/tool.js', line: 2, column: 1 },
    });
    const python = locate('  File "/tmp/z/exec__.py", line 7, in main', join(folder, 'a.py'), folder);
    assert.equal(python?.text, '  File "a.py", line 7, in main');
    assert.equal(locate('at g (/usr/lib/other.js:1:1)', pack, folder), undefined);
  });
});
