import assert from 'node:assert/strict';
import { averageAfter } from '../../../../shared/collections/runningAverage.js';

describe('the running average', () => {
  it('begins with the first duration, and follows later ones', () => {
    assert.equal(averageAfter(undefined, 70), 70);
    assert.equal(averageAfter(40, 50), 41);
    assert.equal(averageAfter(40, 40), 40);
  });

  it('bounds the weight of one long call', () => {
    assert.equal(averageAfter(40, 60_000), 68);
    assert.equal(averageAfter(0, 60_000), 0.8);
  });
});
