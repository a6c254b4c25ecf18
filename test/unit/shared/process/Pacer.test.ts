import assert from 'node:assert/strict';
import { Pacer } from '../../../../shared/process/Pacer.js';

describe('Pacer', () => {
  it('sends the first request at once, and a request after a pause', () => {
    const pace = new Pacer({ factor: 2, maxMs: 10 });
    assert.equal(pace.rest(1000), 0);
    pace.began(1000);
    pace.took(3);
    assert.equal(pace.rest(1006), 0);
    assert.equal(pace.rest(2000), 0);
  });

  it('keeps a distance that grows with the time that the last request took, up to a bound', () => {
    const pace = new Pacer({ factor: 2, maxMs: 10 });
    pace.began(1000);
    pace.took(3);
    assert.equal(pace.rest(1003), 3);
    pace.took(4);
    assert.equal(pace.rest(1003), 5);
    pace.took(60_000);
    assert.equal(pace.rest(1003), 7);
  });

  it('keeps the least distance however quick the server is', () => {
    const pace = new Pacer({ factor: 5, minMs: 25, maxMs: 100 });
    pace.began(1000);
    assert.equal(pace.rest(1001), 24);
    pace.took(0.1);
    assert.equal(pace.rest(1001), 24);
    pace.took(10);
    assert.equal(pace.rest(1001), 49);
  });

  it('keeps the least distance if no larger one is allowed', () => {
    const pace = new Pacer({ factor: 5, minMs: 5, maxMs: 5 });
    pace.began(1000);
    pace.took(100);
    assert.equal(pace.rest(1000), 5);
  });
});
