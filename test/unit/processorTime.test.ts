import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { measured, processorSeconds } from '../processorTime.js';

/** Starts a process that computes for 0.3 s of processor time, and waits for it. */
const PARENT = `
const busy = 'while (process.cpuUsage().user < 300_000);';
require('node:child_process').execFileSync(process.execPath, ['-e', busy]);
process.exit(3);`;

describe('the processor time of a program', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'palette-whisk-times-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('is that of all processes below it, and its exit code stays', () => {
    const file = join(folder, 'a file');
    const [program, args] = measured(file, process.execPath, ['-e', PARENT]);
    assert.equal(spawnSync(program, args).status, 3);
    const seconds = processorSeconds(readFileSync(file, 'utf8'));
    assert.ok(seconds !== undefined && seconds >= 0.3, String(seconds));
  });

  it('is the last line of what a shell tells', () => {
    assert.equal(processorSeconds('0m0.010s 0m0.020s\n2m1.500s 1m0.250s\n'), 181.75);
    assert.equal(processorSeconds('0m0.010s 0m0.020s\n'), 0.03);
    assert.equal(processorSeconds(''), undefined);
  });
});
