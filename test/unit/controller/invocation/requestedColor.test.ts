import assert from 'node:assert/strict';
import type { GivenColor } from '../../../../controller/invocation/Invocation.js';
import { requestedColor } from '../../../../controller/invocation/requestedColor.js';
import type { Json, KeyValue } from '../../../../shared/entities/keyvalue.js';
import { action } from './entities.js';

const ID = 'a'.repeat(32);
interface Asked {
  readonly annotation?: Json;
  readonly defaults?: readonly KeyValue[];
  readonly payload?: Json;
  readonly color?: GivenColor;
}
const colorOf = ({ annotation, defaults = [], payload, color }: Asked): string | undefined => {
  const annotations = annotation === undefined ? [] : [{ key: 'color', value: annotation }];
  const target = { action: action('ns/a', { annotations }), parameters: defaults };
  return requestedColor({ target, payload, color }, ID, undefined);
};

describe('the color of a request', () => {
  it('is made of the payload over the defaults', () => {
    const defaults = [
      { key: 'tenant', value: 'acme' },
      { key: 'id', value: 1 },
    ];
    assert.equal(colorOf({ annotation: '{tenant}-{id}', defaults }), 'acme-1');
    assert.equal(colorOf({ annotation: '{tenant}-{id}', defaults, payload: { id: 7 } }), 'acme-7');
    assert.equal(colorOf({ annotation: '{0}', defaults, payload: ['x'] }), 'x');
  });

  it('is not made of a default that is encrypted, unless the payload replaces it', () => {
    const defaults = [
      { key: 'secret', value: 'AAAADEUpmW0Sh', encryption: 'aes-128' },
      { key: 'id', value: 1 },
    ];
    assert.equal(colorOf({ annotation: '{secret}', defaults }), undefined);
    assert.equal(colorOf({ annotation: '{id}', defaults }), '1');
    assert.equal(colorOf({ annotation: '{secret}', defaults, payload: { secret: 'x' } }), 'x');
  });

  it('may be made of the query of a web request, of which only raw actions get more than the parts', () => {
    const payload = { __ow_path: '/x', post: '7' };
    const color = { query: 'post=7' };
    assert.equal(colorOf({ annotation: '{__ow_path}?{__ow_query}', payload, color }), '/x?post=7');
    assert.equal(colorOf({ annotation: '{__ow_query}', payload: { __ow_query: 'raw' }, color }), 'raw');
    assert.equal(colorOf({ annotation: '{__ow_query}', payload, color: { query: undefined } }), undefined);
  });

  it('is that of the run for the step of a conductor, whatever the annotation says', () => {
    for (const annotation of ['{$activation}', 'blue', '{', undefined]) {
      const asked = annotation === undefined ? {} : { annotation };
      assert.equal(colorOf({ ...asked, color: { inherited: 'run', settled: true } }), 'run');
      assert.equal(colorOf({ ...asked, color: { inherited: undefined, settled: true } }), undefined);
    }
  });
});
