import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import Docker from 'dockerode';
import { ContainerStartError, type ContainerSpec } from '../../invoker/containers/ContainerDriver.js';
import { DockerDriver } from '../../invoker/containers/docker/DockerDriver.js';
import { EngineTimeoutError } from '../../invoker/containers/docker/engineCall.js';
import { OWNER_LABEL } from '../../invoker/containers/docker/settings.js';
import { silentLogger } from '../../shared/logging/Logger.js';
import { RUNTIME_IMAGE } from '../../shared/runtimes/image.js';
import { eventually } from '../e2e/eventually.js';
import { ensureDocker } from './docker.js';
import { EngineProxy } from './invoker/EngineProxy.js';

const PATIENT_MS = 240_000;

describe('a Docker Engine that is frozen for a while', function () {
  this.timeout(600_000);
  const owner = `frozen-${process.pid}`;
  let direct: Docker;
  let proxy: EngineProxy;
  let driver: DockerDriver;
  /** A busy engine may need long; only the frozen one is given up soon. */
  const limits = { callMs: PATIENT_MS, pauseMs: PATIENT_MS, pullMs: PATIENT_MS };
  before(async function () {
    const detected = await ensureDocker({ install: false });
    const path = process.env['DOCKER_HOST']?.replace(/^unix:\/\//, '') ?? '/var/run/docker.sock';
    if (!detected.usable || !existsSync(path)) {
      console.log(`    skipped: ${detected.usable ? 'the engine has no socket here' : detected.reason}`);
      this.skip();
    }
    direct = detected.docker;
    proxy = await EngineProxy.start(path);
    const docker = new Docker({ host: '127.0.0.1', port: proxy.port });
    driver = new DockerDriver({ docker, logger: silentLogger, owner, limits });
  });
  after(async () => {
    await driver?.close();
    proxy?.close();
  });

  const spec = (name: string): ContainerSpec => ({
    name: `${owner}-${name}`,
    image: { kind: 'nodejs:20', reference: RUNTIME_IMAGE, pull: false },
    memoryMB: 128,
    environment: {},
    concurrency: 1,
  });
  const containers = async (): Promise<number> =>
    (await direct.listContainers({ all: true, filters: { label: [`${OWNER_LABEL}=${owner}`] } })).length;

  it('holds neither pauses nor starts nor removals for ever, and leaves no container once it goes on', async () => {
    const container = await driver.create(spec('first'));
    let thaw = (): void => undefined;
    const until = new Promise<void>((resolve) => (thaw = resolve));
    proxy.treat = () => ({ kind: 'delay', until });
    Object.assign(limits, { callMs: 3000, pauseMs: 500 });
    await assert.rejects(container.pause(), EngineTimeoutError);
    const error: unknown = await driver.create(spec('second')).catch((cause: unknown) => cause);
    assert.ok(error instanceof ContainerStartError, String(error));
    assert.ok(error.cause instanceof EngineTimeoutError, error.message);
    await assert.rejects(container.destroy(), EngineTimeoutError);
    proxy.treat = () => ({ kind: 'pass' });
    thaw();
    limits.callMs = PATIENT_MS;
    await eventually(() => error.remains?.destroy());
    await container.destroy();
    await eventually(async () => assert.equal(await containers(), 0));
  });
});
