import assert from 'node:assert/strict';
import { chooseContainers, namesRuntimeImage } from '../../../../deploy/standalone/containers.js';
import { DOCKER_SETTINGS, dockerConfig } from '../../../../shared/config/invokerConfig.js';
import { readSettings } from '../../../../shared/config/Setting.js';
import { silentLogger } from '../../../../shared/logging/Logger.js';
import { loadManifest, parseManifest } from '../../../../shared/runtimes/manifest.js';

describe('the image of the Node.js runtime', () => {
  it('is built only if the manifest names it', () => {
    assert.equal(namesRuntimeImage(loadManifest()), true);
    const image = { prefix: 'openwhisk', name: 'action-nodejs-v20', tag: 'nightly' };
    const other = parseManifest({ runtimes: { nodejs: [{ kind: 'nodejs:20', image }] } });
    assert.equal(namesRuntimeImage(other), false);
  });
});

describe('GPUs', () => {
  it('are refused for processes, in words', async () => {
    const settings = dockerConfig(readSettings(DOCKER_SETTINGS, { CONTAINER_GPUS: 'all' }));
    for (const wanted of ['process', 'sandbox'] as const) {
      await assert.rejects(chooseContainers(wanted, silentLogger, { kinds: new Map() }, settings), {
        name: 'UsageError',
        message: `CONTAINER_GPUS needs Docker: unset it, or leave out --${wanted}`,
      });
    }
  });
});
