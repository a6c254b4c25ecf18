import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { npmCi, retried } from '../../retried.js';
import { ROOT } from './Workplace.js';

/** The package of the generator: typedoc needs a TypeScript with a JavaScript API, which version 7 lacks. */
const GENERATOR = join(ROOT, 'docs/generators/api');
const TYPEDOC = join(GENERATOR, 'node_modules/typedoc/bin/typedoc');

describe('the API reference', function () {
  this.timeout(600_000);

  before(async function () {
    this.timeout(900_000);
    if (existsSync(TYPEDOC)) return;
    // It is installed by `npm run docs:api`, and where nothing may be skipped.
    if (process.env['CI'] !== 'true') this.skip();
    await retried('the installation of typedoc', () => npmCi(GENERATOR, '--ignore-scripts'));
  });

  it('has a text for each symbol that the libraries export, and lacks no type', () => {
    const options = ['--options', join(GENERATOR, 'typedoc.json'), '--emit', 'none'];
    const { status, stdout, stderr } = spawnSync(process.execPath, [TYPEDOC, ...options], { encoding: 'utf8' });
    assert.equal(status, 0, `${stdout}${stderr}`);
  });
});
