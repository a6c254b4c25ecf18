import assert from 'node:assert/strict';
import fc from 'fast-check';
import { judgeConcurrency, shareOfLimit } from '../../../../controller/entitlement/rates.js';

describe('shareOfLimit', () => {
  it('is the limit itself for one controller', () => {
    fc.assert(fc.property(fc.nat(100_000), (limit) => assert.equal(shareOfLimit(limit, 1), limit)));
  });

  it('divides the limit, raised by a fifth', () => {
    assert.equal(shareOfLimit(60, 3), 24);
    assert.equal(shareOfLimit(30, 2), 18);
  });

  it('grants nothing of nothing, and at least one of anything', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), (controllers) => assert.equal(shareOfLimit(0, controllers), 0)),
    );
    assert.equal(shareOfLimit(1, 40), 1);
  });

  it('grants all controllers together no less than the limit, and at most a fifth (and rounding) more', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), fc.integer({ min: 2, max: 10 }), (limit, controllers) => {
        fc.pre(limit >= 5 * controllers);
        const granted = shareOfLimit(limit, controllers) * controllers;
        assert.ok(granted <= Math.ceil(limit * 1.2));
        assert.ok(granted > limit * 1.2 - controllers - 1);
      }),
    );
  });
});

describe('judgeConcurrency', () => {
  it('needs room for one more', () => {
    assert.equal(judgeConcurrency(0, 1).ok, true);
    assert.equal(judgeConcurrency(1, 1).ok, false);
    assert.equal(judgeConcurrency(0, 0).ok, false);
  });
});
