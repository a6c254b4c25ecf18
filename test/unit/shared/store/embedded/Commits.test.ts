import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { StoreUnavailableError } from '../../../../../shared/store/ArtifactStore.js';
import { Commits, type Durability } from '../../../../../shared/store/embedded/Commits.js';

const NO_SPACE = (): number => 0;

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
      frozen.durable(NO_SPACE, () => Promise.resolve(1)),
      (error) => error instanceof StoreUnavailableError && /the disk did not confirm a write/.test(error.message),
    );
    assert.deepEqual(failures, ['the disk did not confirm a write within 20 ms']);
    await frozen.settled();
  });

  it('fails a write that LMDB does not commit in time, and waits for it no longer', async () => {
    const frozen = commits(Promise.resolve(true));
    await assert.rejects(
      frozen.done(NO_SPACE, () => never()),
      (error) => error instanceof StoreUnavailableError && /the disk did not take a write/.test(error.message),
    );
    assert.deepEqual(failures, ['the disk did not take a write within 30 ms']);
    await frozen.settled();
  });

  it('starts no further write while one is late, so that retries do not wait in LMDB, and is stuck until then', async () => {
    const frozen = commits(Promise.resolve(true));
    let take = (): void => undefined;
    const late = new Promise<void>((resolve) => (take = resolve));
    assert.equal(frozen.stuck, false);
    await assert.rejects(
      frozen.done(NO_SPACE, () => late),
      StoreUnavailableError,
    );
    assert.equal(frozen.stuck, true);
    let begun = 0;
    const write = async (): Promise<number> => ++begun;
    await assert.rejects(frozen.durable(NO_SPACE, write), (error) => {
      assert.ok(error instanceof StoreUnavailableError);
      assert.match(error.message, /an earlier write still waits for the disk/);
      return true;
    });
    assert.equal(begun, 0);
    assert.equal(failures.length, 1, 'the disk has been reported');
    take();
    await turn();
    assert.equal(frozen.stuck, false);
    assert.equal(await frozen.durable(NO_SPACE, write), 1);
  });

  it('survives a write that fails after its limit, with a reason that LMDB gives in another promise', async () => {
    const unhandled: unknown[] = [];
    const others = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    const onUnhandled = (reason: unknown): unknown => unhandled.push(reason);
    process.on('unhandledRejection', onUnhandled);
    try {
      const frozen = commits(Promise.resolve(true));
      let fail = (): void => undefined;
      const late = new Promise<void>((_, reject) => {
        fail = () =>
          reject(Object.assign(new Error('Commit failed'), { commitError: Promise.reject(new Error('EIO')) }));
      });
      await assert.rejects(
        frozen.done(NO_SPACE, () => late),
        StoreUnavailableError,
      );
      fail();
      await turn();
      await turn();
      assert.deepEqual(unhandled, []);
      assert.equal(frozen.stuck, false);
    } finally {
      process.off('unhandledRejection', onUnhandled);
      for (const other of others) process.on('unhandledRejection', other);
    }
  });

  it('waits for the disk only if the write has to survive a power failure', async () => {
    assert.equal(await commits(never(), 'process').durable(NO_SPACE, () => Promise.resolve(1)), 1);
    assert.equal(await commits(never()).done(NO_SPACE, () => Promise.resolve(2)), 2);
  });

  it('waits for the flush of the transaction that its write began with, and not for that of a later one', async () => {
    let end: ((value: boolean) => void) | undefined;
    const root = { flushed: new Promise<boolean>((resolve) => (end = resolve)) };
    const later = new Commits(root, 'disk', { flushMs: 10_000 });
    let durable = false;
    const write = later.durable(NO_SPACE, async () => {
      await turn();
      // Another transaction begins, and has nothing to flush.
      root.flushed = Promise.resolve(true);
    });
    void write.then(() => (durable = true));
    for (let n = 0; n < 5; n++) await turn();
    assert.equal(durable, false);
    end?.(true);
    await write;
  });
});
