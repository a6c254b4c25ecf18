import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readBounded } from '../../../../shared/files/readBounded.js';

describe('a file that an operator names', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'read-file-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('is read up to its bound, and refused beyond it, even if it has no end', () => {
    const file = join(folder, 'file');
    for (const length of [0, 1, 100_000]) {
      writeFileSync(file, 'x'.repeat(length));
      assert.equal(readBounded(file, 100_000).length, length);
    }
    assert.throws(() => readBounded(file, 99_999), /file holds over 99999 bytes$/);
    assert.throws(() => readBounded('/dev/zero', 1000), /holds over 1000 bytes/);
    assert.throws(() => readBounded(join(folder, 'none')), /ENOENT/);
    assert.throws(() => readBounded(folder), /EISDIR/);
  });
});
