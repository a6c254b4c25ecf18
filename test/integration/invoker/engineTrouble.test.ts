import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import Docker from 'dockerode';
import { Registry } from 'prom-client';
import { DockerDriver } from '../../../invoker/containers/docker/DockerDriver.js';
import { OWNER_LABEL } from '../../../invoker/containers/docker/settings.js';
import { codeMemory } from '../../../invoker/pool/execute.js';
import { StoreWaits } from '../../../invoker/pool/StoreWaits.js';
import { ContainerPool } from '../../../invoker/pool/ContainerPool.js';
import { InvokerMetrics } from '../../../invoker/pool/InvokerMetrics.js';
import type { Handled } from '../../../shared/messaging/Messaging.js';
import { silentLogger } from '../../../shared/logging/Logger.js';
import { RUNTIME_IMAGE } from '../../../shared/runtimes/image.js';
import { executableAction } from '../../../invoker/activations/ExecutableAction.js';
import { action, Gate, Heard, message } from '../../unit/invoker/pool/setup.js';
import { ensureDocker } from '../docker.js';
import { EngineProxy } from './EngineProxy.js';

const MEMORY_MB = 512;

const detected = await ensureDocker({ install: process.env['CI'] === 'true' });

describe('a pool whose container engine has trouble', () => {
  if (!detected.usable) {
    it(`needs Docker: ${detected.reason}`, () => assert.fail(detected.reason));
    return;
  }
  const { docker, reach } = detected;
  const owner = `trouble-${process.pid}`;
  let proxy: EngineProxy;
  let driver: DockerDriver;
  let pool: ContainerPool;
  let heard: Heard;
  let names = 0;

  /** Containers that the engine has, in whatever state. */
  const present = () => docker.listContainers({ all: true, filters: { label: [`${OWNER_LABEL}=${owner}`] } });

  async function until(condition: () => Promise<boolean> | boolean, what: string): Promise<void> {
    for (let i = 0; i < 600; i++) {
      if (await condition()) return;
      await sleep(50);
    }
    assert.fail(`${what}: ${JSON.stringify(pool.counts())}`);
  }

  const run = (name: string, image = { kind: 'nodejs:20', reference: RUNTIME_IMAGE, pull: false }): Promise<Handled> =>
    pool.submit(
      message({ action: { path: 'guest', name, version: '0.0.1' } }),
      executableAction(
        action({ name, exec: { kind: image.kind, code: 'function main() { return { done: true } }' } }),
        {
          image,
          sentinelled: true,
        },
      ),
    );

  before(async () => {
    proxy = await EngineProxy.start('/var/run/docker.sock');
  });
  after(() => proxy.close());

  beforeEach(() => {
    names++;
    heard = new Heard();
    driver = new DockerDriver({
      docker: new Docker({ host: '127.0.0.1', port: proxy.port }),
      owner,
      reach,
      logger: silentLogger,
    });
    pool = new ContainerPool({
      driver,
      reporter: heard.reporter(),
      decrypt: (_, value) => value,
      codeMemory: codeMemory(),
      waits: new StoreWaits(),
      responseLimits: () => ({ maxResponseBytes: 1024, truncationBytes: 512 }),
      stemCells: [],
      metrics: new InvokerMetrics(new Registry()).of('invoker0'),
      now: Date.now,
      log: silentLogger,
      config: {
        userMemoryMB: MEMORY_MB,
        pauseGraceMs: 10_000,
        idleContainerMs: 600_000,
        maxColors: 8,
        maxConcurrency: 1,
        environment: {},
        namePrefix: `${owner}_${names}`,
        invokerName: 'invoker0',
        removal: { attemptMs: 30_000, firstDelayMs: 100, maxDelayMs: 500 },
        closing: { reportMs: 5000, removalMs: 500 },
      },
    });
  });
  afterEach(async () => {
    proxy.treat = () => ({ kind: 'pass' });
    await pool.close(0);
    await driver.close();
    assert.deepEqual(await present(), [], 'nothing is left behind');
  });

  it('runs no more containers than its memory allows while removals take long, and says how many are being removed', async () => {
    const removals = new Gate();
    proxy.treat = (line) => (line.startsWith('DELETE ') ? { kind: 'delay', until: removals.pass() } : { kind: 'pass' });
    await run('a');
    await run('b');
    const more = ['c', 'd', 'e', 'f'].map((name) => run(name));
    await until(() => pool.counts().containers.removing === 2, 'both are being removed');
    for (let i = 0; i < 20; i++) {
      assert.ok((await present()).length <= MEMORY_MB / 256);
      assert.equal(pool.counts().usedMB, MEMORY_MB);
      await sleep(50);
    }
    removals.open();
    await Promise.all(more);
    assert.deepEqual(
      heard.records.map(({ response }) => response.statusCode),
      [0, 0, 0, 0, 0, 0],
    );
    await until(async () => (await present()).length === 2, 'the memory holds two containers');
  });

  it('does not hold the stop of its invoker while the engine removes nothing', async () => {
    await run('a');
    const removals = new Gate();
    let asked = 0;
    proxy.treat = (line) => {
      if (!line.startsWith('DELETE ')) return { kind: 'pass' };
      asked++;
      return { kind: 'delay', until: removals.pass() };
    };
    await pool.close(0);
    assert.equal((await present()).length, 1);
    await until(() => asked > 0, 'the engine is asked');
    removals.open();
    await until(async () => (await present()).length === 0, 'the engine has removed it');
  });

  it('forgets no container whose creation was cut off: its memory counts until it is removed', async () => {
    let cut = 1;
    proxy.treat = (line) =>
      line.startsWith('POST ') && line.includes('/containers/create') && cut-- > 0
        ? { kind: 'cutOff' }
        : { kind: 'pass' };
    await run('a');
    assert.equal(heard.records[0]?.response.statusCode, 3, 'that is the platform’s own trouble');
    assert.equal(pool.counts().usedMB, 256);
    await until(async () => pool.counts().usedMB === 0, 'its memory is free');
    assert.deepEqual(await present(), []);
    await run('a');
    assert.equal(heard.records[1]?.response.statusCode, 0);
  });

  it('removes a container that was created and not started, though its removal fails at first', async () => {
    let failures = 6;
    proxy.treat = (line) => {
      if (line.includes('/start ')) return { kind: 'cutOff' };
      if (line.startsWith('DELETE ') && failures-- > 0) return { kind: 'cutOff' };
      return { kind: 'pass' };
    };
    await run('a');
    assert.equal(heard.records[0]?.response.statusCode, 3);
    await until(async () => pool.counts().usedMB === 0, 'its memory is free');
    assert.deepEqual(await present(), []);
    assert.equal(pool.counts().unremoved, 0);
  });

  it('takes a user’s image that does not start for a fault of the user, and says why', async () => {
    const [repo, tag] = ['127.0.0.1:9/someone/broken', 'v1'];
    const base = await docker.createContainer({ Image: RUNTIME_IMAGE, Labels: { [OWNER_LABEL]: `${owner}-image` } });
    try {
      await base.commit({ repo, tag, changes: 'CMD ["/no/such/program"]' });
      await run('broken', { kind: 'blackbox', reference: `${repo}:${tag}`, pull: true });
      await run('absent', { kind: 'blackbox', reference: '127.0.0.1:9/nobody/nothing', pull: true });
      await run('kind', { kind: 'python:3.11', reference: '127.0.0.1:9/openwhisk/python', pull: false });
      assert.deepEqual(
        heard.records.map(({ response }) => response.statusCode),
        [2, 2, 2],
      );
      assert.match(heard.records[0]?.logs.join() ?? '', /no such file or directory/);
      assert.match(JSON.stringify(heard.records[0]?.response.result), /someone\/broken:v1/);
      for (const { response, logs } of heard.records.slice(1)) {
        assert.match(JSON.stringify(response.result), /Failed to pull container image '127\.0\.0\.1:9\//);
        assert.match(logs.join(), /connection refused|connect/i);
      }
      // The answer does not wait for the removal of the container that did not start.
      await until(async () => (await present()).length === 0, 'the container that did not start is removed');
    } finally {
      await base.remove({ force: true });
      await docker.getImage(`${repo}:${tag}`).remove({ force: true });
    }
  });
});
