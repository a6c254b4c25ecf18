import assert from 'node:assert/strict';
import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allocate } from '../../../../shared/files/allocate.js';

describe('allocate', () => {
  let folder: string;
  let file: number;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'palette-whisk-allocate-'));
    file = openSync(join(folder, 'f'), 'w+');
  });
  afterEach(() => {
    closeSync(file);
    rmSync(folder, { recursive: true });
  });

  it('fills the rest of a file with zeros', () => {
    writeSync(file, 'head');
    allocate(file, 4, 100_001);
    const content = readFileSync(join(folder, 'f'));
    assert.equal(content.length, 100_001);
    assert.equal(content.toString('latin1', 0, 4), 'head');
    assert.ok(content.subarray(4).every((byte) => byte === 0));
  });

  it('writes nothing into a file that is long enough', () => {
    writeSync(file, 'head');
    allocate(file, 4, 4);
    assert.equal(fstatSync(file).size, 4);
  });
});
