import assert from 'node:assert/strict';
import { exposureOf, isAdmitted } from '../../../../controller/webactions/exposure.js';
import type { Json, KeyValue } from '../../../../shared/entities/keyvalue.js';

const entries = (values: Record<string, Json>): KeyValue[] =>
  Object.entries(values).map(([key, value]) => ({ key, value }));

describe('exposureOf', () => {
  it('takes only actions whose annotation web-export is true', () => {
    for (const value of [false, 'true', 'raw', 1, null]) {
      assert.equal(exposureOf(entries({ 'web-export': value }), []), undefined, JSON.stringify(value));
    }
    assert.equal(exposureOf([], []), undefined);
    assert.deepEqual(exposureOf(entries({ 'web-export': true }), entries({ a: 1 })), {
      raw: false,
      customOptions: false,
      requiredAuth: undefined,
      immutable: new Set(),
    });
  });

  it('reads the other annotations', () => {
    const annotations = entries({
      'web-export': true,
      'raw-http': true,
      'web-custom-options': true,
      'require-whisk-auth': 'key',
      final: true,
    });
    assert.deepEqual(exposureOf(annotations, entries({ a: 1, open: null, empty: '' })), {
      raw: true,
      customOptions: true,
      requiredAuth: 'key',
      immutable: new Set(['a', 'empty']),
    });
  });
});

describe('isAdmitted', () => {
  it('lets everybody in if nothing is required', () => {
    assert.ok(isAdmitted(undefined, undefined, false));
    assert.ok(isAdmitted(false, undefined, false));
  });

  it('asks for a known user if true is required', () => {
    assert.ok(isAdmitted(true, undefined, true));
    assert.ok(!isAdmitted(true, 'true', false));
  });

  it('asks for the same token, be it a text or a number', () => {
    assert.ok(isAdmitted('sesame', 'sesame', false));
    assert.ok(!isAdmitted('sesame', 'Sesame', true));
    assert.ok(!isAdmitted('sesame', undefined, true));
    assert.ok(isAdmitted(8123456789012345, '8123456789012345', false));
    assert.ok(!isAdmitted(7, '70', false));
  });

  it('refuses all callers if the required value is invalid', () => {
    for (const required of [null, [], ['a'], {}]) assert.ok(!isAdmitted(required, 'a', true));
  });
});
