import assert from 'node:assert/strict';
import { spread, verdict } from '../../bench/verdict.js';

describe('the verdict of a bench', () => {
  const targets = [
    { name: 'p50', met: true },
    { name: 'rate', met: false },
  ];

  it('takes the distance of the rounds as a part of their median', () => {
    assert.equal(spread([10, 12, 8]), 0.4);
    assert.equal(spread([10]), 0);
  });

  it('names the targets that are missed', () => {
    assert.equal(verdict({ p50: [1, 1.2] }, targets), 'misses rate');
    assert.equal(verdict({ p50: [1, 1.2] }, targets.slice(0, 1)), 'meets its targets');
  });

  it('is refused if the bare container varies by more than half, or was not measured', () => {
    assert.match(verdict({ p50: [1, 1.1], rate: [100, 160, 101] }, targets), /^no verdict: rate varied by 59 %/);
    assert.match(verdict({ p50: [] }, targets), /^no verdict/);
  });
});
