import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { appendZeros } from '../../../../../shared/files/allocate.js';
import { FileSpace, spaceFor } from '../../../../../shared/store/embedded/FileSpace.js';

const MB = 1024 * 1024;

describe('the space of an LMDB file', () => {
  let folder: string;
  let path: string;
  let used: number;
  let space: FileSpace;
  let append: typeof appendZeros;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'file-space-'));
    path = join(folder, 'data.mdb');
    used = 8192;
    writeFileSync(path, 'x'.repeat(used));
    append = appendZeros;
    space = spaceOf(path);
  });
  afterEach(() => {
    space.close();
    rmSync(folder, { recursive: true });
  });

  const spaceOf = (file: string): FileSpace =>
    new FileSpace({
      path: file,
      usedBytes: () => used,
      alone: async (action) => {
        await Promise.resolve();
        action();
      },
      append: (...call) => append(...call),
    });

  it('is zeros behind the used pages, for the write and some more', async () => {
    await space.reserve(3 * MB);
    const file = readFileSync(path);
    assert.ok(file.length >= used + 4 * MB, `${file.length} bytes`);
    assert.ok(file.subarray(0, used).every((byte) => byte === 120));
    assert.ok(file.subarray(used).every((byte) => byte === 0));
  });

  it('suffices for the next writes without a wait, until they have used it', async () => {
    await space.reserve(MB);
    space.release(MB);
    assert.equal(space.reserve(1000), undefined);
    space.release(1000);
    used += MB;
    for (let n = 0; n < 100; n++) {
      await space.reserve(MB / 10);
      space.release(MB / 10);
    }
    // The writes used nothing, so the file still has the space of a few of them.
    assert.ok(statSync(path).size < 6 * MB, `${statSync(path).size} bytes`);
  });

  it('is there for all writes that are under way', async () => {
    await Promise.all([space.reserve(2 * MB), space.reserve(3 * MB), space.reserve(4 * MB)]);
    assert.ok(statSync(path).size >= used + 9 * MB);
  });

  it('does not hold the event loop while the disk hangs', async () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    let calls = 0;
    append = (file, most) => (++calls > 3 ? Promise.reject(new Error('it does not hang')) : appendZeros(file, most));
    const hanging = spaceOf(pipe);
    // A full pipe hangs until it is read. That comes late by itself, so that this test ends also if it fails.
    const reader = new Worker(
      `const { parentPort, workerData } = require('node:worker_threads');
      const { closeSync, openSync, readSync } = require('node:fs');
      const read = () => {
        clearTimeout(late);
        parentPort.unref();
        const file = openSync(workerData, 'r');
        while (readSync(file, Buffer.alloc(1024 * 1024)) > 0);
        closeSync(file);
      };
      const late = setTimeout(read, 20_000);
      parentPort.once('message', read);
      parentPort.once('message', () => parentPort.postMessage('read'));
      parentPort.postMessage('ready');`,
      { eval: true, workerData: pipe },
    );
    await once(reader, 'message');
    const granted = hanging.reserve(1);
    let ended = false;
    void granted?.catch(() => undefined).then(() => (ended = true));
    for (let n = 0; n < 10; n++) await turn();
    assert.equal(ended, false);
    hanging.close();
    reader.postMessage('read');
    await assert.rejects(async () => granted, /the store is closed/);
    await once(reader, 'exit');
  });

  it('is not needed again if earlier writes have not used theirs', async () => {
    await space.reserve(3 * MB);
    space.release(3 * MB);
    const { size } = statSync(path);
    for (let n = 0; n < 10; n++) {
      await space.reserve(3 * MB);
      space.release(3 * MB);
    }
    assert.equal(statSync(path).size, size);
  });

  it('is refused to a write that waits when it is closed, and the file stays as it is', async () => {
    const own = spaceOf(path);
    const granted = own.reserve(2 * MB);
    own.close();
    await assert.rejects(async () => granted, /the store is closed/);
    assert.equal(statSync(path).size, used);
  });

  it('keeps its file open until zeros that are under way are written, and writes no more of them', async () => {
    const own = spaceOf(path);
    let calls = 0;
    let proceed = (): void => undefined;
    const closed = new Promise<void>((resolve) => (proceed = resolve));
    const begun = new Promise<void>((resolve) => {
      append = async (file, most) => {
        calls++;
        resolve();
        await closed;
        // It fails if the descriptor is closed.
        return appendZeros(file, most);
      };
    });
    const granted = own.reserve(2 * MB);
    await begun;
    own.close();
    proceed();
    await assert.rejects(async () => granted, /the store is closed/);
    assert.equal(calls, 1);
    assert.ok(statSync(path).size > used);
  });

  it('replaces nothing that another process writes meanwhile', async () => {
    append = async (file, most) => {
      append = appendZeros;
      appendFileSync(path, 'y'.repeat(2 * MB));
      used += 2 * MB;
      return appendZeros(file, most);
    };
    await space.reserve(100);
    const file = readFileSync(path);
    assert.ok(file.subarray(8192, used).every((byte) => byte === 121));
    assert.ok(file.length >= used + MB, `${file.length} bytes`);
  });

  it('is refused if the disk has none, and a smaller write that waits still gets its own', async () => {
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    append = (file, most) => {
      if (statSync(path).size < 40 * MB) return appendZeros(file, most);
      append = appendZeros;
      return Promise.reject(full);
    };
    const large = space.reserve(50 * MB);
    const small = space.reserve(100);
    await assert.rejects(async () => large, full);
    await small;
    // The refused write has no claim, and its zeros are given back.
    assert.ok(statSync(path).size < 10 * MB, `${statSync(path).size} bytes`);
  });

  it('counts the text of documents, and pages of trees for each of them', () => {
    assert.equal(spaceFor(2, 1000, 12) - spaceFor(1, 0, 12), 1000 + 12 * 4096);
  });
});
