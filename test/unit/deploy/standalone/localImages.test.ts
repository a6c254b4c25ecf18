import assert from 'node:assert/strict';
import { buildInProcess, localImages } from '../../../../deploy/standalone/localImages.js';
import { silentLogger } from '../../../../shared/logging/Logger.js';
import { NATIVE_IMAGE, RUNTIME_IMAGE } from '../../../../shared/runtimes/image.js';

describe('images that the standalone server builds', () => {
  it('are built once each, one after the other', async () => {
    const events: string[] = [];
    const images = localImages(silentLogger, async (reference) => {
      events.push(`begin ${reference}`);
      await new Promise((resolve) => setImmediate(resolve));
      events.push(`end ${reference}`);
      return 'built';
    });
    await Promise.all([RUNTIME_IMAGE, NATIVE_IMAGE, NATIVE_IMAGE].map((reference) => images.ready(reference)));
    await images.ready(RUNTIME_IMAGE);
    assert.deepEqual(
      events,
      [RUNTIME_IMAGE, NATIVE_IMAGE].flatMap((reference) => [`begin ${reference}`, `end ${reference}`]),
    );
  });

  it('do not hold back others when their build fails, and say why it failed', async () => {
    const images = localImages(silentLogger, (reference) =>
      reference === RUNTIME_IMAGE ? Promise.reject(new Error('no node')) : Promise.resolve('built'),
    );
    await assert.rejects(images.ready(RUNTIME_IMAGE), /no node/);
    assert.equal(await images.missing(RUNTIME_IMAGE), 'no node');
    await images.ready(NATIVE_IMAGE);
  });

  it('are given up if their build takes too long', async () => {
    await assert.rejects(
      buildInProcess(RUNTIME_IMAGE, 1),
      /^ContainerStartError: .*cannot be built: it took over 0.001 s$/,
    );
  });

  it('are not those that an operator made under the same prefix', async () => {
    const images = localImages(silentLogger, () => Promise.reject(new Error('nothing to build')));
    await images.ready('palette-whisk/mine:local');
    assert.match((await images.missing('palette-whisk/mine:local')) ?? '', /nothing builds it/);
  });
});
