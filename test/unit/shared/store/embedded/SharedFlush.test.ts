import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { LANES, SharedFlush, type Flushable } from '../../../../../shared/store/embedded/SharedFlush.js';

/** A disk whose flushes end when the test says so. */
class Disk {
  /** The flushes that have started, by descriptor. */
  readonly started: number[] = [];
  readonly #ends = new Map<number, { readonly resolve: () => void; readonly reject: (error: Error) => void }>();

  readonly flush = (file: number): Promise<void> => {
    this.started.push(file);
    return new Promise((resolve, reject) => this.#ends.set(file, { resolve, reject }));
  };

  /** Ends the flush of a descriptor. */
  async end(file: number, error?: Error): Promise<void> {
    const ends = this.#ends.get(file);
    assert.ok(ends, `no flush of ${file} is under way`);
    this.#ends.delete(file);
    if (error) ends.reject(error);
    else ends.resolve();
    await turn();
  }
}

/** What became of a promise so far. */
function watch(work: Promise<unknown>): { state: 'pending' | 'done' | 'failed' } {
  const watched: { state: 'pending' | 'done' | 'failed' } = { state: 'pending' };
  work.then(
    () => (watched.state = 'done'),
    () => (watched.state = 'failed'),
  );
  return watched;
}

describe('SharedFlush', () => {
  const file: Flushable = { lanes: [10, 11] };
  const other: Flushable = { lanes: [20, 21] };
  let disk: Disk;
  let shared: SharedFlush;
  beforeEach(() => {
    disk = new Disk();
    shared = new SharedFlush(disk.flush);
  });

  /** Writes to a file, and waits until its flush has started or waits for a lane. */
  async function write(to: Flushable): Promise<{ state: 'pending' | 'done' | 'failed' }> {
    shared.note(to);
    const watched = watch(shared.flushed());
    await turn();
    return watched;
  }
  /** The lane of the last flush. */
  const lane = (): number => (disk.started.at(-1) ?? 0) % 10;

  it('flushes once for all callers of a turn', async () => {
    shared.note(file);
    const first = watch(shared.flushed());
    shared.note(other);
    const second = watch(shared.flushed());
    await turn();
    assert.deepEqual(disk.started, [10 + lane(), 20 + lane()]);
    await disk.end(10 + lane());
    assert.deepEqual([first.state, second.state], ['pending', 'pending']);
    await disk.end(20 + lane());
    assert.deepEqual([first.state, second.state], ['done', 'done']);
  });

  it('flushes only what was written', async () => {
    await write(file);
    await disk.end(disk.started[0] ?? 0);
    const nothing = await write(other);
    assert.deepEqual(disk.started.slice(1), [20 + lane()]);
    await disk.end(20 + lane());
    assert.equal(nothing.state, 'done');
  });

  it('has as many flushes under way as there are lanes, each with a descriptor of its own', async () => {
    await write(file);
    await write(file);
    const third = await write(file);
    assert.deepEqual(new Set(disk.started), new Set(file.lanes));
    assert.equal(disk.started.length, LANES);
    const [first = 0, second = 0] = disk.started;
    await disk.end(first);
    assert.deepEqual(disk.started, [first, second, first]);
    await disk.end(second);
    assert.equal(third.state, 'pending');
    await disk.end(first);
    assert.equal(third.state, 'done');
  });

  it('ends a flush after those that were under way before it', async () => {
    const first = await write(file);
    const second = await write(other);
    const [one = 0, two = 0] = disk.started;
    await disk.end(two);
    assert.equal(second.state, 'pending');
    await disk.end(one);
    assert.deepEqual([first.state, second.state], ['done', 'done']);
  });

  it('fails with a flush that was under way before it, and flushes again what failed', async () => {
    const first = await write(file);
    const second = await write(other);
    const [one = 0, two = 0] = disk.started;
    await disk.end(one, new Error('EIO'));
    assert.deepEqual([first.state, second.state], ['failed', 'failed']);
    await disk.end(two);
    const third = watch(shared.flushed());
    await turn();
    assert.deepEqual(disk.started.slice(2), [10 + lane()]);
    await disk.end(10 + lane());
    assert.equal(third.state, 'done');
  });

  it('is under way until all of its files are flushed, also if one fails', async () => {
    shared.note(other);
    const flushed = await write(file);
    const dropped = watch(shared.drop(file));
    const [one = 0, two = 0] = disk.started;
    await disk.end(one, new Error('EIO'));
    await turn();
    assert.deepEqual([flushed.state, dropped.state], ['pending', 'pending']);
    await disk.end(two);
    assert.deepEqual([flushed.state, dropped.state], ['failed', 'done']);
  });

  it('does not fail with a later flush', async () => {
    const first = await write(file);
    const second = await write(other);
    const [one = 0, two = 0] = disk.started;
    await disk.end(two, new Error('EIO'));
    await disk.end(one);
    assert.deepEqual([first.state, second.state], ['done', 'failed']);
  });

  it('lets a dropped file be closed after its flush, and never flushes it again', async () => {
    const failing = await write(file);
    const dropped = watch(shared.drop(file));
    await turn();
    assert.equal(dropped.state, 'pending');
    await disk.end(disk.started[0] ?? 0, new Error('EIO'));
    assert.deepEqual([failing.state, dropped.state], ['failed', 'done']);
    await write(other);
    assert.deepEqual(disk.started.slice(1), [20 + lane()]);
  });

  describe('on a disk that does not answer', () => {
    beforeEach(() => {
      shared = new SharedFlush(disk.flush, 20);
    });
    const late = { message: 'the disk did not confirm a write within 20 ms' };

    it('fails its callers after the limit, and is stuck until the disk answers', async () => {
      shared.note(file);
      await assert.rejects(shared.flushed(), late);
      assert.equal(shared.stuck, true);
      assert.equal(await shared.settled(), false);
      await disk.end(disk.started[0] ?? 0);
      await turn();
      assert.equal(shared.stuck, false);
      assert.equal(await shared.settled(), true);
      const next = await write(file);
      await disk.end(disk.started[1] ?? 0);
      assert.equal(next.state, 'done');
    });

    it('starts no more flushes than there are lanes, and fails at once what comes when those are late', async () => {
      for (let n = 0; n <= LANES; n++) {
        shared.note(file);
        await assert.rejects(shared.flushed(), late);
      }
      assert.equal(disk.started.length, LANES);
      const next = watch(shared.flushed());
      await turn();
      assert.equal(next.state, 'failed');
      for (const one of disk.started.slice(0, LANES)) await disk.end(one);
      await disk.end(disk.started[LANES] ?? 0);
      assert.equal(await shared.settled(), true);
      assert.equal(shared.stuck, false);
    });
  });

  it('is settled when no flush is under way', async () => {
    const flushed = await write(file);
    const settled = watch(shared.settled());
    await turn();
    assert.equal(settled.state, 'pending');
    await disk.end(disk.started[0] ?? 0, new Error('EIO'));
    assert.deepEqual([flushed.state, settled.state], ['failed', 'done']);
    await shared.settled();
  });
});
