import assert from 'node:assert/strict';
import fc from 'fast-check';
import { explainDepth, explainJsonError } from '../../../../controller/http/jsonSyntax.js';

describe('explainJsonError', () => {
  const cases: [string, string][] = [
    [
      '{"exec":',
      'Unexpected end-of-input at input index 8 (line 1, position 9), expected JSON Value:\n{"exec":\n        ^\n',
    ],
    ['{"a":', 'Unexpected end-of-input at input index 5 (line 1, position 6), expected JSON Value:\n{"a":\n     ^\n'],
    ['{a:1}', "Unexpected character 'a' at input index 1 (line 1, position 2), expected '\"':\n{a:1}\n ^\n"],
    ['xxx', "Unexpected character 'x' at input index 0 (line 1, position 1), expected JSON Value:\nxxx\n^\n"],
    ['[1 2]', "Unexpected character '2' at input index 3 (line 1, position 4), expected ']':\n[1 2]\n   ^\n"],
    ['{}}', "Unexpected character '}' at input index 2 (line 1, position 3), expected end-of-input:\n{}}\n  ^\n"],
    [
      '{\n"a": tru}',
      'Unexpected character \'}\' at input index 7 (line 2, position 6), expected JSON Value:\n"a": tru}\n     ^\n',
    ],
    [
      '"\\x"',
      'Unexpected character \'x\' at input index 2 (line 1, position 3), expected JSON escape sequence:\n"\\x"\n  ^\n',
    ],
    ['1.', 'Unexpected end-of-input at input index 2 (line 1, position 3), expected DIGIT:\n1.\n  ^\n'],
  ];
  for (const [text, message] of cases) {
    it(`says where ${JSON.stringify(text)} goes wrong`, () => {
      assert.equal(explainJsonError(text), message);
    });
  }

  it('finds a mistake in whatever JSON.parse refuses', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(), fc.string({ maxLength: 2 }), (json, at, noise) => {
        const text = json.slice(0, at % (json.length + 1)) + noise + json.slice(at % (json.length + 1));
        try {
          JSON.parse(text);
        } catch {
          assert.match(explainJsonError(text), /^Unexpected .* expected /s);
        }
      }),
    );
  });
});

describe('explainDepth', () => {
  it('takes a nesting depth of 999, and refuses 1000', () => {
    assert.equal(explainDepth('['.repeat(999) + ']'.repeat(999)), undefined);
    assert.match(explainDepth('['.repeat(1000) + ']'.repeat(1000)) ?? '', /nested too deeply/);
  });

  it('does not count brackets in strings', () => {
    assert.equal(explainDepth(JSON.stringify({ s: '[{\\"'.repeat(2000), t: '\\' })), undefined);
  });
});
