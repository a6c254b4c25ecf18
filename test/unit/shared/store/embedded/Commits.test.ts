import assert from 'node:assert/strict';
import { StoreUnavailableError } from '../../../../../shared/store/ArtifactStore.js';
import { Commits, type Durability } from '../../../../../shared/store/embedded/Commits.js';

describe('Commits', () => {
  const never = <T>(): Promise<T> => new Promise(() => undefined);
  let failures: string[];
  beforeEach(() => {
    failures = [];
  });
  const commits = (flushed: Promise<boolean>, durability: Durability = 'disk'): Commits =>
    new Commits({ flushed }, durability, {
      onFailure: ({ message }) => failures.push(message),
      commitMs: 30,
      flushMs: 20,
    });

  it('fails a write that the disk does not confirm in time, and waits for it no longer', async () => {
    const frozen = commits(never());
    await assert.rejects(
      frozen.durable(() => Promise.resolve(1)),
      (error) => error instanceof StoreUnavailableError && /the disk did not confirm a write/.test(error.message),
    );
    assert.deepEqual(failures, ['the disk did not confirm a write within 20 ms']);
    await frozen.settled();
  });

  it('fails a write that LMDB does not commit in time, and waits for it no longer', async () => {
    const frozen = commits(Promise.resolve(true));
    await assert.rejects(
      frozen.done(() => never()),
      (error) => error instanceof StoreUnavailableError && /the disk did not take a write/.test(error.message),
    );
    assert.deepEqual(failures, ['the disk did not take a write within 30 ms']);
    await frozen.settled();
  });

  it('waits for the disk only if the write has to survive a power failure', async () => {
    assert.equal(await commits(never(), 'process').durable(() => Promise.resolve(1)), 1);
    assert.equal(await commits(never()).done(() => Promise.resolve(2)), 2);
  });
});
