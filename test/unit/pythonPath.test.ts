import assert from 'node:assert/strict';
import { pathWithoutShims } from '../pythonPath.js';

describe('the PATH of tests', () => {
  it('has the folders of the Python programs that shims would start, and no shims', async () => {
    const programs: Readonly<Record<string, string>> = {
      '3': '/pyenv/versions/3.11.7/bin/python3.11',
      '3.11': '/pyenv/versions/3.11.7/bin/python3.11',
      '3.13': '/pyenv/versions/3.13.0/bin/python3.13',
    };
    const path = await pathWithoutShims('/go/bin:/pyenv/shims:/usr/bin:/bin', async (version) => {
      const program = programs[version];
      return program === undefined ? 'it is not here' : { program, version: '3.0.0', prefix: '/', library: '/' };
    });
    assert.equal(path, '/pyenv/versions/3.11.7/bin:/pyenv/versions/3.13.0/bin:/go/bin:/usr/bin:/bin');
  });

  it('stays as it is without shims, and asks no Python', async () => {
    const path = '/usr/local/bin:/usr/bin';
    assert.equal(await pathWithoutShims(path, () => assert.fail('asked')), path);
  });
});
