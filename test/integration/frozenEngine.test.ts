import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { ContainerStartError, type ContainerSpec } from '../../invoker/containers/ContainerDriver.js';
import { DockerDriver } from '../../invoker/containers/docker/DockerDriver.js';
import { EngineTimeoutError } from '../../invoker/containers/docker/engineCall.js';
import { OWNER_LABEL } from '../../invoker/containers/docker/settings.js';
import { silentLogger } from '../../shared/logging/Logger.js';
import { RUNTIME_IMAGE } from '../../shared/runtimes/image.js';
import { eventually } from '../e2e/eventually.js';
import { ensureDocker } from './docker.js';

/** An engine behind a proxy that can stop to pass anything on, as if the engine were frozen. */
class FreezableEngine {
  readonly docker: Docker;
  readonly #folder = mkdtempSync(join(tmpdir(), 'palette-whisk-engine-'));
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #frozen = false;

  constructor(socketPath: string) {
    this.#server = createServer({ allowHalfOpen: true }, (client) => {
      const engine = connect({ path: socketPath, allowHalfOpen: true });
      for (const [from, to] of [
        [client, engine],
        [engine, client],
      ] as const) {
        this.#sockets.add(from);
        if (this.#frozen) from.pause();
        from.on('data', (chunk) => void to.write(chunk));
        from.on('end', () => void to.end());
        from.on('error', () => void to.destroy());
        from.on('close', () => this.#sockets.delete(from));
        if (this.#frozen) from.pause();
      }
    });
    this.docker = new Docker({ socketPath: join(this.#folder, 'engine.sock') });
  }

  async open(): Promise<void> {
    await once(this.#server.listen(join(this.#folder, 'engine.sock')), 'listening');
  }

  freeze(): void {
    this.#frozen = true;
    for (const socket of this.#sockets) socket.pause();
  }

  thaw(): void {
    this.#frozen = false;
    for (const socket of this.#sockets) socket.resume();
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

describe('a Docker Engine that is frozen for a while', function () {
  this.timeout(120_000);
  const owner = `frozen-${process.pid}`;
  let direct: Docker;
  let engine: FreezableEngine;
  let driver: DockerDriver;
  before(async function () {
    const detected = await ensureDocker({ install: false });
    const path = process.env['DOCKER_HOST']?.replace(/^unix:\/\//, '') ?? '/var/run/docker.sock';
    if (!detected.usable || !existsSync(path)) {
      console.log(`    skipped: ${detected.usable ? 'the engine has no socket here' : detected.reason}`);
      return this.skip();
    }
    direct = detected.docker;
    engine = new FreezableEngine(path);
    await engine.open();
    const limits = { callMs: 5000, pauseMs: 500, pullMs: 5000 };
    driver = new DockerDriver({ docker: engine.docker, logger: silentLogger, owner, limits });
  });
  after(async () => {
    await driver?.close();
    engine?.close();
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
    engine.freeze();
    await assert.rejects(container.pause(), EngineTimeoutError);
    const error: unknown = await driver.create(spec('second')).catch((cause: unknown) => cause);
    assert.ok(error instanceof ContainerStartError, String(error));
    assert.ok(error.cause instanceof EngineTimeoutError, error.message);
    await assert.rejects(container.destroy(), EngineTimeoutError);
    engine.thaw();
    await error.remains?.destroy();
    await container.destroy();
    await eventually(async () => assert.equal(await containers(), 0), 60_000);
  });
});
