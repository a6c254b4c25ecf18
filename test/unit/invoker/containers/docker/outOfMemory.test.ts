import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import type Docker from 'dockerode';
import { ContainerConnectionError } from '../../../../../invoker/containers/ContainerDriver.js';
import { DockerContainer } from '../../../../../invoker/containers/docker/DockerContainer.js';
import { ENGINE_LIMITS } from '../../../../../invoker/containers/docker/engineCall.js';
import { EngineEvents } from '../../../../../invoker/containers/docker/EngineEvents.js';
import { DEFAULT_DOCKER_SETTINGS } from '../../../../../invoker/containers/docker/settings.js';
import { silentLogger } from '../../../../../shared/logging/Logger.js';
import { eventually } from '../../../../e2e/eventually.js';

describe('a container of Docker whose connection breaks', () => {
  /** The runtime in the container: takes connections and requests, and responds to none. */
  let runtime: Server;
  const connections: Socket[] = [];
  let engineEvents: PassThrough;
  let output: PassThrough;
  let events: EngineEvents;
  let container: DockerContainer;
  let killedByKernel: boolean;
  let inspections: number;

  beforeEach(async () => {
    connections.length = inspections = 0;
    killedByKernel = false;
    runtime = createServer((socket) => void connections.push(socket.on('error', () => undefined))).listen(
      0,
      '127.0.0.1',
    );
    await once(runtime, 'listening');
    engineEvents = new PassThrough();
    output = new PassThrough();
    const engine = { getEvents: () => Promise.resolve(engineEvents) } as unknown as Docker;
    events = new EngineEvents(engine, 'someone', silentLogger);
    const asked = {
      id: 'a',
      attach: () => Promise.resolve(output),
      start: () => Promise.resolve(),
      inspect: () => {
        inspections++;
        return Promise.resolve({ State: { Running: inspections === 1, OOMKilled: killedByKernel } });
      },
    } as unknown as Docker.Container;
    container = await DockerContainer.start({
      container: asked,
      spec: {
        name: 'a',
        image: { kind: 'nodejs:20', reference: 'a', pull: false },
        memoryMB: 128,
        environment: {},
        concurrency: 1,
      },
      settings: { ...DEFAULT_DOCKER_SETTINGS, owner: 'someone' },
      events,
      limits: ENGINE_LIMITS,
      address: { host: '127.0.0.1', port: (runtime.address() as AddressInfo).port },
      remove: () => Promise.resolve(),
    });
    await eventually(() => assert.ok(events.listening));
  });
  afterEach(async () => {
    await container.destroy();
    events.close();
    runtime.close();
  });

  const tell = (Action: 'oom' | 'die', exitCode?: number): void => {
    const attributes = exitCode === undefined ? {} : { Attributes: { exitCode: String(exitCode) } };
    engineEvents.write(`${JSON.stringify({ Type: 'container', Action, Actor: { ID: 'a', ...attributes } })}\n`);
  };

  /** Sends a request, breaks its connection, and ends the output. Resolves to how the request failed. */
  async function broken(onExit: () => void | Promise<void> = () => undefined): Promise<string> {
    const options = { timeoutMs: 60_000, maxResponseBytes: 1000, truncationBytes: 100 };
    const failed = container.post('/run', '{}', options).then(
      () => 'an answer',
      (error: unknown) => {
        assert.ok(error instanceof ContainerConnectionError, String(error));
        return error.failure;
      },
    );
    await eventually(() => assert.equal(connections.length, 1));
    const [connection] = connections;
    assert.ok(connection);
    if (connection.readableLength === 0) await once(connection, 'readable');
    connection.destroy();
    output.end();
    await container.exited;
    await onExit();
    return failed;
  }

  it('has used too much memory if the event of that arrives before its end', async () => {
    tell('oom');
    tell('die', 137);
    assert.equal(await broken(), 'outOfMemory');
    assert.equal(inspections, 1, 'only at the start');
  });

  it('has used too much memory if the event of that arrives after its end', async () => {
    const failure = await broken(async () => {
      tell('die', 137);
      await container.released;
      await turn();
      tell('oom');
    });
    assert.equal(failure, 'outOfMemory');
    assert.equal(inspections, 1, 'only at the start');
  });

  it('has used too much memory if the engine says so later, without an event', async () => {
    killedByKernel = true;
    tell('die', 137);
    assert.equal(await broken(), 'outOfMemory');
    assert.equal(inspections, 2);
  });

  it('is broken if somebody else has killed it', async () => {
    tell('die', 137);
    assert.equal(await broken(), 'broken');
    assert.equal(inspections, 2);
  });

  it('is broken at once, without a question to the engine, if it has exited with another code', async () => {
    killedByKernel = true;
    tell('die', 1);
    assert.equal(await broken(), 'broken');
    assert.equal(inspections, 1, 'only at the start');
  });
});
