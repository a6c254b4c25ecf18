import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import Docker from 'dockerode';
import { ContainerStartError } from '../../../../../invoker/containers/ContainerDriver.js';
import { DockerDriver } from '../../../../../invoker/containers/docker/DockerDriver.js';
import { engineCall, EngineTimeoutError } from '../../../../../invoker/containers/docker/engineCall.js';
import { actionNetwork } from '../../../../../invoker/containers/docker/network.js';
import { BUILT_BY_HAND } from '../../../../../invoker/containers/docker/LocalImages.js';
import { dockerProbe } from '../../../../../invoker/containers/docker/probeKind.js';
import { removeContainer } from '../../../../../invoker/containers/docker/removal.js';
import { silentLogger } from '../../../../../shared/logging/Logger.js';
import { eventually } from '../../../../e2e/eventually.js';

const LIMITS = { callMs: 50, pauseMs: 50, pullMs: 50 };

describe('an engine that takes requests and does not answer', () => {
  let engine: Server;
  let docker: Docker;
  const held = new Map<string, ServerResponse>();

  beforeEach(async () => {
    held.clear();
    engine = createServer((request, response) => {
      held.set(`${request.method} ${request.url?.replace(/\?.*/, '')}`, response);
    }).listen(0, '127.0.0.1');
    await once(engine, 'listening');
    docker = new Docker({ host: '127.0.0.1', port: (engine.address() as AddressInfo).port });
  });
  afterEach(() => {
    engine.closeAllConnections();
    engine.close();
  });

  const driver = (): DockerDriver =>
    new DockerDriver({ docker, logger: silentLogger, owner: 'someone', limits: LIMITS });
  const spec = (pull: boolean) => ({
    name: 'wsk_1',
    image: { kind: 'blackbox', reference: pull ? 'someone/action' : 'someone/action:v1', pull },
    memoryMB: 128,
    environment: {},
    concurrency: 1,
  });

  it('does not hold the start of an invoker', async () => {
    await assert.rejects(driver().removeLeftovers(), EngineTimeoutError);
  });

  it('does not hold an activation whose container is created, or whose image is pulled', async () => {
    for (const pull of [false, true]) {
      const error: unknown = await driver()
        .create(spec(pull))
        .catch((cause: unknown) => cause);
      assert.ok(error instanceof ContainerStartError);
      const { cause } = error;
      assert.ok(cause instanceof EngineTimeoutError || /did not complete/.test(error.message), error.message);
    }
    // On a busy machine a request may arrive after its limit.
    await eventually(() => assert.ok(held.has('POST /images/create')));
  });

  it('is asked once to remove a container, since it does so when it thaws', async () => {
    await assert.rejects(removeContainer(docker.getContainer('a'), LIMITS.callMs), EngineTimeoutError);
    await eventually(() => assert.deepEqual([...held.keys()], ['DELETE /containers/a']));
  });

  it('gives a late result to its cleanup', async () => {
    const late = new Promise<string>((resolve) => {
      const inspected = docker
        .getContainer('a')
        .inspect()
        .then(({ Id }) => Id);
      engineCall('a question', LIMITS.callMs, inspected, resolve).then(assert.fail, async (error: Error) => {
        assert.match(error.message, /^the Docker Engine did not complete a question within 0.05 s$/);
        const question = await eventually(
          () => held.get('GET /containers/a/json') ?? assert.fail('it has not arrived'),
        );
        question.writeHead(200, { 'content-type': 'application/json' }).end('{"Id":"a"}');
      });
    });
    assert.equal(await late, 'a');
  });

  it('does not hold the question whether a registry has an image', async () => {
    const probe = dockerProbe(docker, 'palette-whisk', BUILT_BY_HAND, 50);
    const asked = probe({ kind: 'nodejs:20', reference: 'someone/action:v1' });
    const image = 'GET /images/someone/action:v1/json';
    const inspected = await eventually(() => held.get(image) ?? assert.fail('it has not arrived'));
    inspected.writeHead(404, { 'content-type': 'application/json' }).end('{"message":"no such image"}');
    assert.match(
      (await asked) ?? '',
      /cannot be pulled \(the Docker Engine did not complete the question to a registry/,
    );
    await eventually(() => assert.ok(held.has('GET /distribution/someone/action:v1/json')));
  });

  it('is told from a network that is missing', async () => {
    await assert.rejects(actionNetwork(docker, 'nowhere', LIMITS.callMs), /cannot inspect .*did not complete/);
  });
});
