import assert from 'node:assert/strict';
import { faultsOf } from '../../history/randomFailures.js';
import { LIMIT_MS } from './clusters.js';
import { TRIALS } from './randomTrials.js';

/** What one of them found can be repeated with its seed. */
const SEEDS = [1];

describe('objects whose changes fail at random have allowed values', function () {
  this.timeout(LIMIT_MS);

  for (const [name, trial] of Object.entries(TRIALS)) {
    for (const seed of SEEDS) {
      it(`${name} (seed ${seed})`, async () => assert.equal((await faultsOf(seed, trial)).join('\n\n'), ''));
    }
  }
});
