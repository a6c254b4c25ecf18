import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileSpace, spaceFor } from '../../../../../shared/store/embedded/FileSpace.js';

const MB = 1024 * 1024;

describe('the space of an LMDB file', () => {
  let folder: string;
  let path: string;
  let used: number;
  let space: FileSpace;
  /** How often the file grew. */
  let grown: number;
  let alone: (action: () => void) => Promise<void>;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'file-space-'));
    path = join(folder, 'data.mdb');
    used = 8192;
    writeFileSync(path, 'x'.repeat(used));
    grown = 0;
    alone = async (action) => {
      grown += 1;
      await Promise.resolve();
      action();
    };
    space = new FileSpace({ path, usedBytes: () => used, alone: (action) => alone(action) });
  });
  afterEach(() => {
    space.close();
    rmSync(folder, { recursive: true });
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

  it('grows in pieces, and lets the event loop turn between them', async () => {
    const sizes: number[] = [];
    const works = alone;
    alone = async (action) => {
      await works(action);
      sizes.push(statSync(path).size);
    };
    await space.reserve(10 * MB);
    assert.ok(sizes.length >= 3, sizes.join());
    for (const [n, size] of sizes.entries()) assert.ok(size - (sizes[n - 1] ?? used) <= 4 * MB, sizes.join());
  });

  it('needs no look at LMDB under its lock if earlier writes have not used theirs', async () => {
    await space.reserve(3 * MB);
    space.release(3 * MB);
    const before = grown;
    for (let n = 0; n < 10; n++) {
      await space.reserve(3 * MB);
      space.release(3 * MB);
    }
    assert.equal(grown, before);
  });

  it('is refused to a write that waits when it is closed, and the file stays as it is', async () => {
    const own = new FileSpace({ path, usedBytes: () => used, alone: (action) => alone(action) });
    const granted = own.reserve(2 * MB);
    own.close();
    await assert.rejects(async () => granted, /the store is closed/);
    assert.equal(statSync(path).size, used);
  });

  it('begins where the file ends now, also if another process has let it grow', async () => {
    alone = async (action) => {
      appendFileSync(path, 'y'.repeat(2 * MB));
      used += 2 * MB;
      action();
      await Promise.resolve();
    };
    await space.reserve(100);
    assert.ok(
      readFileSync(path)
        .subarray(8192, used)
        .every((byte) => byte === 121),
    );
  });

  it('is refused if the disk has none, and a smaller write that waits still gets its own', async () => {
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    const works = alone;
    alone = () => {
      alone = works;
      return Promise.reject(full);
    };
    const large = space.reserve(50 * MB);
    const small = space.reserve(100);
    await assert.rejects(async () => large, full);
    await small;
    // The refused write has no claim.
    assert.ok(statSync(path).size < 10 * MB, `${statSync(path).size} bytes`);
  });

  it('counts the text of documents, and pages of trees for each of them', () => {
    assert.equal(spaceFor(2, 1000, 12) - spaceFor(1, 0, 12), 1000 + 12 * 4096);
  });
});
