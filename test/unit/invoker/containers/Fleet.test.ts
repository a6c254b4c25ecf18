import assert from 'node:assert/strict';
import { Fleet } from '../../../../invoker/containers/Fleet.js';
import { sharedAttempt } from '../../../../invoker/containers/sharedAttempt.js';
import type { Logger } from '../../../../shared/logging/Logger.js';
import { silentLogger } from '../../../../shared/logging/Logger.js';

describe('the containers of a driver', () => {
  it('are destroyed at the close, when those that were starting have come', async () => {
    const destroyed: string[] = [];
    const fleet = new Fleet(silentLogger);
    const container = (name: string) => ({ destroy: async () => void destroyed.push(name) });
    const gone = container('gone');
    fleet.add(container('old'));
    fleet.add(gone);
    fleet.delete(gone);
    let come: () => void = () => assert.fail();
    const start = new Promise<void>((resolve) => (come = resolve)).then(() => fleet.add(container('late')));
    fleet.follow(start);
    const closed = fleet.close();
    assert.deepEqual(destroyed, []);
    come();
    await closed;
    assert.deepEqual(destroyed, ['old', 'late']);
  });

  it('rest when the last start has ended, also with an error', async () => {
    let rests = 0;
    const fleet = new Fleet(silentLogger, () => rests++);
    let fail: (error: Error) => void = () => assert.fail();
    const failing = new Promise<void>((_, reject) => (fail = reject));
    fleet.follow(failing);
    fleet.follow(Promise.resolve());
    await Promise.resolve();
    assert.deepEqual([fleet.busy, rests], [true, 0]);
    fail(new Error('no'));
    await assert.rejects(failing);
    assert.deepEqual([fleet.busy, rests], [false, 1]);
  });

  it('do not keep the driver open if one cannot be destroyed, of which the log tells', async () => {
    const warnings: string[] = [];
    const logger: Logger = { ...silentLogger, warn: (text) => void warnings.push(text) };
    const fleet = new Fleet(logger);
    let others = 0;
    fleet.add({ destroy: async () => Promise.reject(new Error('stuck')) });
    fleet.add({ destroy: async () => void others++ });
    await fleet.close();
    assert.equal(others, 1);
    assert.deepEqual(warnings, ['cannot remove a container']);
  });
});

describe('a shared attempt', () => {
  it('is made once for all callers, and again after it failed', async () => {
    const outcomes = [new Error('first'), undefined];
    let attempts = 0;
    const call = sharedAttempt(async () => {
      const outcome = outcomes[attempts++];
      if (outcome) throw outcome;
    });
    const both = await Promise.allSettled([call(), call()]);
    assert.deepEqual(
      both.map(({ status }) => status),
      ['rejected', 'rejected'],
    );
    assert.equal(attempts, 1);
    await call();
    await call();
    assert.equal(attempts, 2);
  });
});
