import assert from 'node:assert/strict';
import { applied, linesOf, mutantsOf } from '../../mutate/mutants.js';

const changed = (source: string): string[] => mutantsOf(source).map((mutant) => applied(source, mutant));

describe('mutants', () => {
  it('swap one operator at a time, wherever it stands', () => {
    assert.deepEqual(changed('a > b && c === d;'), ['a > b || c === d;', 'a >= b && c === d;', 'a > b && c !== d;']);
    assert.deepEqual(changed('i++; n += x - y;'), ['i--; n += x - y;', 'i++; n -= x - y;', 'i++; n += x + y;']);
  });

  it('negate conditions, and change booleans and numbers', () => {
    assert.deepEqual(changed('if (a) f(true, 1);'), [
      'if (!(a)) f(true, 1);',
      'if (a) f(false, 1);',
      'if (a) f(true, 2);',
    ]);
    assert.deepEqual(changed('x = a ? b : c;'), ['x = !(a) ? b : c;']);
  });

  it('say on which line they are', () => {
    assert.deepEqual(
      mutantsOf('const a = 1;\n\nconst b = "text > 2";\nconst c = a < 2;').map(({ line, change }) => [line, change]),
      [
        [1, '1 to 2'],
        [4, '< to <='],
        [4, '2 to 3'],
      ],
    );
  });

  it('show their line before and after, of whatever length it is then', () => {
    const source = 'const a = 0;\n  if (a > 0) f();\nconst b = 5;';
    assert.deepEqual(
      mutantsOf(source).map((mutant) => linesOf(source, mutant)),
      [
        { line: 'const a = 0;', becomes: 'const a = 1;' },
        { line: 'if (a > 0) f();', becomes: 'if (!(a > 0)) f();' },
        { line: 'if (a > 0) f();', becomes: 'if (a >= 0) f();' },
        { line: 'if (a > 0) f();', becomes: 'if (a > 1) f();' },
      ],
    );
  });
});
