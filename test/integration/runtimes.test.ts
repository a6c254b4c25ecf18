import assert from 'node:assert/strict';
import { DockerDriver } from '../../invoker/containers/docker/DockerDriver.js';
import { ProcessDriver } from '../../invoker/containers/process/ProcessDriver.js';
import { detectSandbox } from '../../invoker/containers/process/sandbox.js';
import { NATIVE_IMAGE, RUNTIME_IMAGE, SKELETON_IMAGE } from '../../shared/runtimes/image.js';
import { silentLogger } from '../../shared/logging/Logger.js';
import { loadManifest } from '../../shared/runtimes/manifest.js';
import { native, nodejs, python } from '../suites/languages.js';
import { runtimeSuite } from '../suites/runtime.js';
import { ensureDocker } from './docker.js';

const LANGUAGES = [nodejs, python, native];
const IMAGES = new Map([
  [nodejs, RUNTIME_IMAGE],
  [python, loadManifest().resolve('python:3')?.reference ?? ''],
  [native, NATIVE_IMAGE],
]);

const sandbox = await detectSandbox();
for (const language of LANGUAGES) {
  const owner = `runtimes-${process.pid}-${language.name}`;
  const reference = language === native ? SKELETON_IMAGE : '';
  runtimeSuite(language, 'processes', {
    driver: () => new ProcessDriver({ owner, logger: silentLogger }),
    reference,
  });
  if (sandbox.usable) {
    runtimeSuite(language, 'sandboxed processes', {
      driver: () => new ProcessDriver({ owner: `${owner}-s`, logger: silentLogger, sandbox: true }),
      reference,
    });
  }
}

const detected = await ensureDocker({ install: process.env['CI'] === 'true', images: [...IMAGES.values()] });
if (!detected.usable) {
  describe('runtimes in Docker', () => {
    it(`need Docker: ${detected.reason}`, function () {
      if (process.env['CI'] === 'true') assert.fail(detected.reason);
      this.skip();
    });
  });
} else {
  const { docker, reach } = detected;
  for (const [language, reference] of IMAGES) {
    const owner = `runtimes-${process.pid}-${language.name}`;
    runtimeSuite(language, 'Docker', {
      driver: () => new DockerDriver({ owner, docker, reach, logger: silentLogger }),
      reference,
    });
  }
}
