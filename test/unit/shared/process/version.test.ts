import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { printsVersion, programVersion } from '../../../../shared/process/version.js';

describe('the version of the program', () => {
  it('is that of the package', () => {
    const { version } = createRequire(import.meta.url)('palette-whisk/package.json') as { version: string };
    assert.equal(programVersion(), version);
  });

  it('is printed for --version alone', () => {
    let printed = '';
    const output = { write: (text: string) => (printed += text) };
    for (const args of [[], ['--help'], ['user', '--version']]) assert.equal(printsVersion(args, output), false);
    assert.equal(printed, '');
    assert.equal(printsVersion(['--version'], output), true);
    assert.equal(printed, `${programVersion()}\n`);
  });
});
