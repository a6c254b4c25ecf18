import assert from 'node:assert/strict';
import { conductorPayload, readStep } from '../../../../controller/invocation/compositionSteps.js';

const read = (result: Parameters<typeof readStep>[0]) => readStep(result, 'me');

describe('a conductor’s result', () => {
  it('without an action ends the composition with its params, or all of it', () => {
    assert.deepEqual(read({ params: { n: 1 }, state: { s: 1 } }), { kind: 'done', result: { n: 1 } });
    assert.deepEqual(read({ n: 1 }), { kind: 'done', result: { n: 1 } });
    assert.deepEqual(read({}), { kind: 'done', result: {} });
    assert.deepEqual(read({ error: 'x' }), { kind: 'done', result: { error: 'x' } });
    assert.deepEqual(read(undefined), { kind: 'done', result: {} });
    assert.deepEqual(read([1]), { kind: 'done', result: [1] });
  });

  it('with an action asks for it', () => {
    assert.deepEqual(read({ action: 'triple', params: { n: 1 }, state: { $step: 1 } }), {
      kind: 'next',
      action: { path: 'me', name: 'triple' },
      params: { n: 1 },
      state: { $step: 1 },
    });
    const bare = { kind: 'next', action: { path: 'ns/p', name: 'a' }, params: undefined, state: undefined };
    assert.deepEqual(read({ action: '/ns/p/a' }), bare);
  });

  it('is boxed if params or state are no objects', () => {
    assert.deepEqual(read({ params: 7 }), { kind: 'done', result: { value: 7 } });
    assert.deepEqual(read({ action: 'a', params: [1], state: null }), {
      kind: 'next',
      action: { path: 'me', name: 'a' },
      params: { value: [1] },
      state: { state: null },
    });
  });

  it('has no action if the name is invalid', () => {
    for (const action of [7, null, '', '/a', 'a/b/c/d', { name: 'a' }]) {
      assert.deepEqual(read({ action, state: { s: 1 } }), { kind: 'misnamed', action, state: { s: 1 } });
    }
  });
});

describe('the input of a conductor', () => {
  it('is the component’s result under the state', () => {
    assert.deepEqual(conductorPayload({ n: 1, $step: 0 }, { $step: 1 }), { n: 1, $step: 1 });
    assert.deepEqual(conductorPayload({ n: 1 }, undefined), { n: 1 });
  });
  it('is undefined without an object', () => {
    for (const payload of [undefined, null, 7, 'x', [1]]) {
      assert.equal(conductorPayload(payload, { $step: 1 }), undefined);
    }
  });
});
