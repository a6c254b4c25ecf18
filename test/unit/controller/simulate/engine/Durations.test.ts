import assert from 'node:assert/strict';
import { Durations } from '../../../../../controller/simulate/engine/Durations.js';
import { seeded } from '../../../../../controller/simulate/engine/random.js';

describe('the distribution of durations', () => {
  it('has quantiles within 1.1 % of the exact ones, from microseconds to hours', () => {
    const random = seeded(1);
    const durations = new Durations();
    const all = Array.from({ length: 20_000 }, () => 0.01 * 10 ** (random() * 8));
    for (const one of all) durations.add(one);
    const sorted = all.toSorted((a, b) => a - b);
    for (const q of [0.01, 0.5, 0.9, 0.99, 1]) {
      const exact = sorted[Math.ceil(q * all.length) - 1] ?? NaN;
      assert.ok(Math.abs(durations.quantile(q) / exact - 1) < 0.011, `quantile ${q}`);
    }
    assert.equal(durations.max, sorted.at(-1));
  });

  it('has no quantile without durations', () => {
    assert.ok(Number.isNaN(new Durations().quantile(0.5)));
  });
});
