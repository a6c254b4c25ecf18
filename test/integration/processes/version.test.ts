import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { programVersion } from '../../../shared/process/version.js';

const run = promisify(execFile);
const MAINS = [
  'controller/main',
  'invoker/main',
  'invoker/runtimes/main',
  'deploy/standalone/main',
  'deploy/local/main',
  'deploy/commands/admin/main',
  'deploy/commands/main',
];

const OTHERS = ['deploy/standalone/main', 'deploy/local/main'];

describe('every command', () => {
  for (const main of MAINS) {
    it(`of ${main} prints the version and ends`, async () => {
      const file = fileURLToPath(new URL(`../../../${main}.js`, import.meta.url));
      assert.equal(
        (await run(process.execPath, [file, '--version'], { timeout: 120_000 })).stdout,
        `${programVersion()}\n`,
      );
    });
  }

  it('with options prints its help and ends', async () => {
    for (const main of ['controller/main', 'invoker/main', 'invoker/runtimes/main', ...OTHERS]) {
      const file = fileURLToPath(new URL(`../../../${main}.js`, import.meta.url));
      assert.match(
        (await run(process.execPath, [file, '--help'], { timeout: 120_000 })).stdout,
        /^Usage: .*--version/s,
      );
    }
  });
});
