import assert from 'node:assert/strict';
import { BegunActivations } from '../../../invoker/BegunActivations.js';

const MINUTE_MS = 60_000;

describe('BegunActivations', () => {
  it('knows an activation for at least five minutes', () => {
    const begun = new BegunActivations();
    assert.equal(begun.begin('a', 0), true);
    assert.equal(begun.begin('a', 200), false);
    assert.equal(begun.begin('b', 4 * MINUTE_MS), true);
    assert.equal(begun.begin('c', 8 * MINUTE_MS), true);
    assert.equal(begun.begin('b', 8 * MINUTE_MS), false);
    assert.equal(begun.begin('a', 8 * MINUTE_MS), false);
  });

  it('forgets after ten minutes', () => {
    const begun = new BegunActivations();
    begun.begin('a', 0);
    begun.begin('b', 6 * MINUTE_MS);
    begun.begin('c', 11 * MINUTE_MS);
    assert.equal(begun.begin('a', 11 * MINUTE_MS), true);
    begun.begin('d', 60 * MINUTE_MS);
    assert.equal(begun.begin('c', 60 * MINUTE_MS), true);
  });

  it('keeps a bounded number, the latest', () => {
    const begun = new BegunActivations(10);
    for (let n = 0; n < 1000; n++) assert.equal(begun.begin(`id${n}`, 0), true);
    assert.equal(begun.begin('id999', 0), false);
    assert.equal(begun.begin('id990', 0), false);
    assert.equal(begun.begin('id500', 0), true);
  });
});
