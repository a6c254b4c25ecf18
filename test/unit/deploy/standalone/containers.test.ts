import assert from 'node:assert/strict';
import { namesRuntimeImage } from '../../../../deploy/standalone/containers.js';
import { loadManifest, parseManifest } from '../../../../shared/runtimes/manifest.js';

describe('the image of the Node.js runtime', () => {
  it('is built where the manifest names it, and only there', () => {
    assert.equal(namesRuntimeImage(loadManifest()), true);
    const image = { prefix: 'openwhisk', name: 'action-nodejs-v20', tag: 'nightly' };
    const other = parseManifest({ runtimes: { nodejs: [{ kind: 'nodejs:20', image }] } });
    assert.equal(namesRuntimeImage(other), false);
  });
});
