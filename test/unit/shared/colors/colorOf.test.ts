import assert from 'node:assert/strict';
import { colorOf, type ColorSources } from '../../../../shared/colors/colorOf.js';

const sources: ColorSources = { parameters: {}, activationId: '0'.repeat(32) };

describe('the color of an invocation', () => {
  it('is that of the header before the annotation, and the annotation before the cause', () => {
    assert.equal(colorOf({ ...sources, header: 'h', annotation: 'a', inherited: 'i' }), 'h');
    assert.equal(colorOf({ ...sources, annotation: 'a', inherited: 'i' }), 'a');
    assert.equal(colorOf({ ...sources, inherited: 'i' }), 'i');
    assert.equal(colorOf(sources), undefined);
  });

  it('decodes a header as UTF-8, and keeps one that is not UTF-8', () => {
    assert.equal(colorOf({ ...sources, header: Buffer.from('blü 😀').toString('latin1') }), 'blü 😀');
    assert.equal(colorOf({ ...sources, header: 'caf\u00e9' }), 'café');
  });

  it('takes an empty text for none', () => {
    assert.equal(colorOf({ ...sources, header: '', annotation: '', inherited: 'i' }), 'i');
  });

  it('fills a template from the parameters', () => {
    const parameters = { postId: 7, user: { id: 'ann', admin: false } };
    assert.equal(colorOf({ ...sources, parameters, annotation: '{postId}' }), '7');
    assert.equal(colorOf({ ...sources, parameters, annotation: 'user-{user.id}/{user.admin}' }), 'user-ann/false');
    assert.equal(colorOf({ ...sources, parameters: ['x', 'y'], annotation: '{1}' }), 'y');
  });

  it('is undefined if a value of the template is missing, null, empty or not a scalar', () => {
    const parameters = { nothing: null, empty: '', object: {}, list: [1] };
    for (const path of [
      'missing',
      'nothing',
      'empty',
      'object',
      'list',
      'nothing.deeper',
      'constructor',
      '__proto__',
    ]) {
      assert.equal(colorOf({ ...sources, parameters, annotation: `a-{${path}}` }), undefined, path);
    }
    assert.equal(colorOf({ ...sources, parameters, annotation: '{missing}', inherited: 'i' }), 'i');
  });

  it('can be one for each run', () => {
    assert.equal(colorOf({ ...sources, annotation: 'run-{$activation}' }), `run-${'0'.repeat(32)}`);
  });

  it('takes a number for a color, and no other value that is not text', () => {
    assert.equal(colorOf({ ...sources, annotation: 7 }), '7');
    for (const annotation of [true, null, {}, ['a']]) assert.equal(colorOf({ ...sources, annotation }), undefined);
  });

  it('is replaced by its hash if it is over 256 bytes', () => {
    assert.equal(colorOf({ ...sources, header: 'x'.repeat(256) }), 'x'.repeat(256));
    const long = colorOf({ ...sources, header: 'é'.repeat(129) });
    assert.match(long ?? '', /^[0-9a-f]{64}$/);
    assert.notEqual(long, colorOf({ ...sources, header: 'é'.repeat(130) }));
  });
});
