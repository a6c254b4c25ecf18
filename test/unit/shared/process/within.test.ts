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
});
