import assert from 'node:assert/strict';
import { backOff, retry } from '../../../../shared/process/retry.js';

/** Fails so often, then succeeds. */
function failing(times: number): () => Promise<string> {
  let left = times;
  return () => (left-- > 0 ? Promise.reject(new Error(`failure, ${left} to come`)) : Promise.resolve('done'));
}

describe('retry', () => {
  it('tries until it succeeds, after the delays that are given', async () => {
    const waited: number[] = [];
    const sleep = (ms: number): Promise<void> => Promise.resolve(void waited.push(ms));
    assert.equal(await retry(failing(5), { delayMs: backOff(100, 500), sleep }), 'done');
    assert.deepEqual(waited, [100, 200, 400, 500, 500]);
  });

  it('gives up with the last error when the delays end', async () => {
    const sleep = (): Promise<void> => Promise.resolve();
    await assert.rejects(retry(failing(4), { delayMs: backOff(1, 1, 2), sleep }), /failure, 1 to come/);
  });

  it('throws a final error at once', async () => {
    const failures: unknown[] = [];
    await assert.rejects(
      retry(failing(3), { delayMs: () => 0, isFinal: () => true, onFailure: (error) => void failures.push(error) }),
      /failure, 2 to come/,
    );
    assert.deepEqual(failures, []);
  });

  it('stops waiting when the signal is aborted, with its reason', async () => {
    const stop = new AbortController();
    const trying = retry(failing(Number.POSITIVE_INFINITY), {
      delayMs: () => 600_000,
      signal: stop.signal,
      onFailure: () => setImmediate(() => stop.abort(new Error('closed'))),
    });
    await assert.rejects(trying, /^Error: closed$/);
  });

  it('does not begin if the signal was aborted before', async () => {
    let tries = 0;
    const attempt = (): Promise<void> => Promise.resolve(void tries++);
    await assert.rejects(
      retry(attempt, { delayMs: () => 0, signal: AbortSignal.abort(new Error('closed')) }),
      /closed/,
    );
    assert.equal(tries, 0);
  });
});
