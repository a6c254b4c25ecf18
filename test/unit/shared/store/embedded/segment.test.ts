import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { closeAll, createFile, lanesOf, writeAll } from '../../../../../shared/store/embedded/segment.js';

describe('a file of the log of entries', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'segment-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('has its whole space from the beginning, and takes bytes at their place', () => {
    const path = join(folder, 'a');
    const lanes = lanesOf(createFile(path, 100), path);
    const [file = -1] = lanes;
    writeAll(file, Buffer.from('text'), 96);
    assert.equal(readFileSync(path, 'latin1'), `${'\0'.repeat(96)}text`);
    closeAll(lanes);
    assert.throws(() => writeSync(file, 'x'), { code: 'EBADF' });
  });

  it('leaves no descriptor open if it cannot be opened again', () => {
    const file = createFile(join(folder, 'a'), 10);
    assert.throws(() => lanesOf(file, join(folder, 'gone')), { code: 'ENOENT' });
    assert.throws(() => writeSync(file, 'x'), { code: 'EBADF' });
  });

  it('cannot be made in a folder that does not exist', () => {
    assert.throws(() => createFile(join(folder, 'none', 'a'), 10), { code: 'ENOENT' });
  });
});
