import assert from 'node:assert/strict';
import { retried } from '../retried.js';

describe('a step of the tests that needs the network', () => {
  const said: string[] = [];
  const waits: number[] = [];
  const parts = {
    say: (text: string) => void said.push(text),
    wait: (ms: number) => Promise.resolve(void waits.push(ms)),
  };
  beforeEach(() => {
    said.splice(0);
    waits.splice(0);
  });

  it('is done again if it fails, and says so', async () => {
    let attempts = 0;
    const step = (): string => {
      if (++attempts < 3) throw new Error(`refused ${attempts}`);
      return 'done';
    };
    assert.equal(await retried('npm ci', step, parts), 'done');
    assert.deepEqual(waits, [5000, 10_000]);
    assert.deepEqual(said, [
      'npm ci failed, attempt 1 of 3; the next one is in 5 s: refused 1',
      'npm ci failed, attempt 2 of 3; the next one is in 10 s: refused 2',
    ]);
  });

  it('fails for the last reason after the third attempt', async () => {
    let attempts = 0;
    const step = (): Promise<never> => Promise.reject(new Error(`refused ${++attempts}`));
    await assert.rejects(retried('npm ci', step, parts), /^Error: refused 3$/);
    assert.equal(said.length, 2);
  });

  it('is done once where it succeeds', async () => {
    assert.equal(await retried('npm ci', () => 1, parts), 1);
    assert.deepEqual(said, []);
  });
});
