import assert from 'node:assert/strict';
import { silentLogger, type Logger } from '../../../../../shared/logging/Logger.js';
import { StoreFullError } from '../../../../../shared/store/ArtifactStore.js';
import { DiskSpace } from '../../../../../shared/store/embedded/DiskSpace.js';
import { LateDiskError } from '../../../../../shared/store/embedded/LateDiskError.js';

const MB = 1024 * 1024;

describe('DiskSpace', () => {
  let free: number;
  let lines: string[];
  let disk: DiskSpace;
  let clock: number;
  let stuck: boolean;
  beforeEach(() => {
    stuck = false;
    free = 500 * MB;
    lines = [];
    clock = 0;
    const keep = (message: string): void => void lines.push(message);
    const log: Logger = { ...silentLogger, info: keep, error: keep };
    const read = async () => ({ free, total: 1000 * MB });
    disk = new DiskSpace({ folder: '/data', log, stuck: () => stuck, read, now: () => clock });
  });

  it('refuses new work while less than the reserve is free, and logs that once', async () => {
    await disk.check();
    disk.requireRoom();
    free = 49 * MB;
    await disk.check();
    await disk.check();
    assert.throws(() => disk.requireRoom(), StoreFullError);
    assert.equal(disk.isFull, true);
    assert.deepEqual(lines, [
      'The disk of the data folder /data is full, 49 MB free. New work is refused with 503 until there is free space.',
    ]);
    free = 60 * MB;
    await disk.check();
    assert.equal(disk.isFull, true, 'a little more is not enough');
    free = 75 * MB;
    clock = 2500;
    await disk.check();
    disk.requireRoom();
    assert.equal(lines.at(-1), 'the disk of the data folder has free space again after 2.5 s: 75 MB');
    assert.equal(lines.length, 2);
  });

  it('refuses it from a failed write on, until a look finds room and no write failed since the last', async () => {
    await disk.check();
    disk.writeFailed(new Error('no space left on device'));
    assert.throws(() => disk.requireRoom(), StoreFullError);
    disk.writeFailed(new Error('no space left on device'));
    await disk.check();
    assert.equal(disk.isFull, true);
    await disk.check();
    assert.equal(disk.isFull, false);
    assert.equal(lines.length, 2);
  });

  it('does not call the disk full if a write fails for another reason, until there is no room', async () => {
    await disk.check();
    disk.writeFailed(new Error('MDB_CORRUPTED: Located page was wrong type'));
    disk.writeFailed(new Error('MDB_BAD_TXN: Transaction must abort'));
    assert.throws(() => disk.requireRoom(), /^StoreFullError: The data folder \/data cannot be written: MDB_CORRUPTED/);
    free = 10 * MB;
    await disk.check();
    assert.throws(() => disk.requireRoom(), /The disk of the data folder \/data is full, 10 MB free\./);
    free = 500 * MB;
    await disk.check();
    disk.requireRoom();
    assert.deepEqual(lines, [
      'The data folder /data cannot be written: MDB_CORRUPTED: Located page was wrong type. New work is refused with 503 until writes succeed.',
      'the disk of the data folder has free space again after 0.0 s: 500 MB',
    ]);
  });

  it('refuses it while the disk does not answer, however much is free, and logs begin and end once', async () => {
    await disk.check();
    stuck = true;
    disk.writeFailed(new Error('the disk did not confirm a write within 10000 ms'));
    for (let second = 0; second < 3; second++) await disk.check();
    assert.throws(() => disk.requireRoom(), {
      message: /^The disk of the data folder \/data does not answer: the disk did not confirm a write/,
    });
    stuck = false;
    clock = 4000;
    await disk.check();
    disk.requireRoom();
    assert.deepEqual(lines, [
      'The disk of the data folder /data does not answer: the disk did not confirm a write within 10000 ms. ' +
        'New work is refused with 503 until it answers.',
      'the disk of the data folder answers again after 4.0 s: 500 MB',
    ]);
  });

  it('says that a full disk does not answer while that is so, and then that it is full', async () => {
    free = 5 * MB;
    await disk.check();
    stuck = true;
    disk.writeFailed(new LateDiskError('confirm', 10_000));
    disk.writeFailed(new LateDiskError('take', 30_000));
    await disk.check();
    await disk.check();
    const silent =
      'The disk of the data folder /data does not answer: the disk did not confirm a write within 10000 ms.';
    assert.throws(() => disk.requireRoom(), { message: silent });
    stuck = false;
    await disk.check();
    assert.throws(() => disk.requireRoom(), { message: 'The disk of the data folder /data is full, 5 MB free.' });
    free = 500 * MB;
    clock = 3000;
    await disk.check();
    disk.requireRoom();
    assert.deepEqual(lines, [
      'The disk of the data folder /data is full, 5 MB free. New work is refused with 503 until there is free space.',
      `${silent} New work is refused with 503 until it answers.`,
      'the disk of the data folder has free space again after 3.0 s: 500 MB',
    ]);
  });

  it('refuses new work while the disk does not answer one of the threads', async () => {
    await disk.check();
    for (const thread of ['invoker0', 'invoker1']) disk.hangs(thread, true);
    disk.writeFailed(new Error('invoker0: the disk did not confirm a write'));
    for (let second = 0; second < 2; second++) await disk.check();
    disk.hangs('invoker0', false);
    await disk.check();
    assert.throws(() => disk.requireRoom(), { message: /does not answer: invoker0: the disk did not confirm/ });
    disk.hangs('invoker1', false);
    await disk.check();
    disk.requireRoom();
    assert.equal(lines.length, 2);
  });

  it('says of a late write that the disk does not answer, and not that it is full', async () => {
    await disk.check();
    disk.writeFailed(new LateDiskError('confirm', 10_000));
    assert.throws(() => disk.requireRoom(), { message: /does not answer: the disk did not confirm/ });
    await disk.check();
    await disk.check();
    disk.requireRoom();
    assert.equal(lines.at(-1), 'the disk of the data folder answers again after 0.0 s: 500 MB');
  });

  it('bounds the reserve from below and from above', async () => {
    const at = async (total: number, available: number): Promise<boolean> => {
      const read = async () => ({ free: available * MB, total: total * MB });
      const one = new DiskSpace({ folder: '/data', read });
      await one.check();
      return one.isFull;
    };
    assert.deepEqual([await at(40, 15), await at(40, 16)], [true, false]);
    assert.deepEqual([await at(100_000, 63), await at(100_000, 64)], [true, false]);
  });
});
