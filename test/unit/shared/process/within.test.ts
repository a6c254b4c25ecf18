import assert from 'node:assert/strict';
import { within } from '../../../../shared/process/within.js';

const never = new Promise<never>(() => undefined);

describe('within', () => {
  it('gives the result, or the error, of work that ends in time', async () => {
    assert.equal(await within(Promise.resolve(1), 60_000, () => 2), 1);
    await assert.rejects(
      within(Promise.reject(new Error('its own')), 60_000, () => 2),
      /its own/,
    );
    assert.equal(await within(Promise.resolve(1), Number.POSITIVE_INFINITY, () => 2), 1);
  });

  it('gives the substitute when time is over', async () => {
    assert.equal(await within(never, 1, () => 'late'), 'late');
    await assert.rejects(
      within(never, 1, () => {
        throw new Error('no answer');
      }),
      /no answer/,
    );
  });

  it('takes what has happened in time, if the process was too busy to notice it', async () => {
    // Behind it, timers come first.
    await new Promise(setImmediate);
    const work = new Promise<string>((resolve) => setImmediate(resolve, 'in time'));
    const result = within(work, 1, () => 'late');
    for (const begun = performance.now(); performance.now() < begun + 20;);
    assert.equal(await result, 'in time');
  });
});
