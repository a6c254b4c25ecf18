import assert from 'node:assert/strict';
import fc from 'fast-check';
import { colorOf } from '../../../../shared/colors/colorOf.js';
import { expandTemplate, parseTemplate, type TemplateMistake } from '../../../../shared/colors/template.js';
import type { Json } from '../../../../shared/entities/keyvalue.js';

const ID = 'a'.repeat(32);
const expand = (annotation: Json, parameters: Json = {}): string | undefined => {
  const parsed = parseTemplate(annotation);
  assert.ok(parsed.ok);
  return expandTemplate(parsed.template, parameters, ID);
};
const mistakeOf = (annotation: Json): TemplateMistake => {
  const parsed = parseTemplate(annotation);
  assert.ok(!parsed.ok);
  return parsed.mistake;
};

describe('the template of a color', () => {
  it('is text with values in it', () => {
    assert.equal(expand('blue'), 'blue');
    assert.equal(expand(7), '7');
    assert.equal(expand('{a}{b.c}-{d.1}', { a: 1, b: { c: 'x' }, d: ['y', true] }), '1x-true');
    assert.equal(expand('{$activation}/{a}', { a: 'z' }), `${ID}/z`);
    assert.equal(expand(''), undefined);
  });

  it('names the place of a mistake', () => {
    for (const [template, at, message] of [
      ['user-{id', 5, /without a }/],
      ['user-id}', 7, /without a \{/],
      ['{a}b}', 4, /without a \{/],
      ['{a{b}', 2, /inside/],
      ['{}', 1, /missing/],
      ['x{user..id}', 7, /missing/],
      ['{user.}', 6, /missing/],
      ['{.user}', 1, /missing/],
      ['a{$run}', 2, /\$run/],
    ] as const) {
      const mistake = mistakeOf(template);
      assert.equal(mistake.at, at, template);
      assert.match(mistake.message, message);
    }
    for (const value of [true, null, {}, ['a']]) assert.deepEqual(mistakeOf(value).at, 0);
  });

  it('is read or refused, whatever it is, at a place within it', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('{', '}', '.', '$', 'a', 'é', ' ') }), (text) => {
        const parsed = parseTemplate(text);
        if (!parsed.ok) assert.ok(parsed.mistake.at >= 0 && parsed.mistake.at < text.length);
      }),
    );
  });

  it('gives no color if it is wrong, and tells its listeners', () => {
    const heard: TemplateMistake[] = [];
    const sources = { parameters: {}, activationId: ID, onMistake: (one: TemplateMistake) => heard.push(one) };
    assert.equal(colorOf({ ...sources, annotation: '{a' }), undefined);
    assert.equal(colorOf({ ...sources, annotation: '{a', inherited: 'i' }), 'i');
    assert.equal(colorOf({ ...sources, annotation: '{a', header: 'h' }), 'h');
    assert.equal(heard.length, 2, 'an annotation that is not looked at is not counted');
    assert.equal(heard[0]?.at, 0);
  });
});
