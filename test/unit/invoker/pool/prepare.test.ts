import assert from 'node:assert/strict';
import * as texts from '../../../../invoker/activations/texts.js';
import { ContainerConnectionError, ContainerStartError } from '../../../../invoker/containers/ContainerDriver.js';
import { newEntry, type ContainerState } from '../../../../invoker/pool/ContainerEntry.js';
import { ContainerTable } from '../../../../invoker/pool/ContainerTable.js';
import { newJob } from '../../../../invoker/pool/Job.js';
import { NoMemoryError, type PooledContainer, type Prepared } from '../../../../invoker/pool/PooledContainer.js';
import { codeMemory } from '../../../../invoker/pool/execute.js';
import { StoreWaits } from '../../../../invoker/pool/StoreWaits.js';
import { prepare } from '../../../../invoker/pool/prepare.js';
import { silentLogger } from '../../../../shared/logging/Logger.js';
import { FakeContainer, FakeDriver, ok } from './FakeDriver.js';
import { executable, message, NODE_IMAGE } from './setup.js';

const SPEC = { name: 'c', image: NODE_IMAGE, memoryMB: 256, environment: {}, concurrency: 1 };

/** One container that is prepared for an activation. */
class Fixture {
  readonly driver = new FakeDriver();
  readonly table = new ContainerTable<PooledContainer>(1024, 8);
  readonly drained: PooledContainer[] = [];
  readonly logged: string[] = [];
  entry: PooledContainer | undefined;

  async prepare(created: Promise<FakeContainer>, stemCell = false): Promise<Prepared> {
    const job = newJob(message(), executable(), 1, { done: () => {}, leave: () => {} });
    created.catch(() => {});
    const entry: PooledContainer = {
      ...newEntry(1, 'nodejs:20', 256),
      name: 'c',
      container: undefined,
      created,
      prepared: undefined,
      changing: undefined,
      logs: Promise.resolve(),
    };
    this.entry = entry;
    this.table.addFor(entry, job.key, 1);
    const log = { ...silentLogger, warn: (text: string) => void this.logged.push(`warn: ${text}`) };
    return prepare(
      {
        codeMemory: codeMemory(),
        waits: new StoreWaits(),
        responseLimits: () => ({ maxResponseBytes: 1024, truncationBytes: 512 }),
        log: { ...log, error: (text: string) => void this.logged.push(`error: ${text}`) },
        now: () => 7,
      },
      { table: this.table, drain: (one) => void this.drained.push(one) },
      entry,
      job,
      stemCell,
    );
  }

  get state(): ContainerState | undefined {
    return this.entry?.state;
  }

  /** A container that is there. */
  container(): FakeContainer {
    return new FakeContainer(this.driver, SPEC, 'c0');
  }
}

const failure = (prepared: Prepared) => {
  assert.equal(prepared.kind, 'failed');
  return prepared.kind === 'failed' ? prepared : assert.fail();
};
const errorOf = (prepared: Prepared): unknown => (failure(prepared).response.result as { error?: unknown }).error;

describe('the preparation of a container', () => {
  it('puts the action into an existing container, which is warm then', async () => {
    const f = new Fixture();
    const container = f.container();
    assert.deepEqual(await f.prepare(Promise.resolve(container)), { kind: 'ok', init: { start: 7, end: 7 } });
    assert.equal(f.state, 'warm');
    assert.deepEqual(
      container.posts.map(({ path }) => path),
      ['/init'],
    );
  });

  it('tells the developer in the logs that an image does not start, with the message of the engine', async () => {
    const f = new Fixture();
    const cause = new Error(`no\n such   image ${'x'.repeat(2000)}`);
    const error = new ContainerStartError('It cannot be pulled.', { imageFault: true, cause });
    const prepared = failure(await f.prepare(Promise.reject(error)));
    assert.deepEqual(prepared.execution.response, {
      statusCode: 2,
      result: { error: 'It cannot be pulled.' },
    });
    assert.deepEqual(prepared.response, prepared.execution.response, 'those that waited with it get the same');
    assert.match(prepared.reason ?? '', /^It cannot be pulled\. no such image x+$/);
    assert.equal(prepared.reason?.length, 1000);
    assert.equal(prepared.initialized, false);
    assert.deepEqual(f.logged, ['warn: could not start the image of guest/hello']);
    const plain = failure(await f.prepare(Promise.reject(new ContainerStartError('It ended.', { imageFault: true }))));
    assert.equal(plain.reason, 'It ended.');
  });

  it("tells the developer nothing about the engine if the fault is the platform's, and the operator everything", async () => {
    const f = new Fixture();
    const prepared = failure(await f.prepare(Promise.reject(new ContainerStartError('the engine is away'))));
    assert.deepEqual(prepared.execution.response, { statusCode: 3, result: { error: texts.resourceProvisionError } });
    assert.deepEqual(prepared.response, { statusCode: 3, result: { error: texts.abnormalRun } });
    assert.equal(prepared.reason, undefined);
    assert.deepEqual(f.logged, ['error: could not create a container for guest/hello']);
  });

  it('lets another container take the activation if a stem cell did not start, or memory did not become free', async () => {
    const cell = await new Fixture().prepare(Promise.reject(new ContainerStartError('no')), true);
    assert.deepEqual(cell, { kind: 'unsent', fault: 'platform' });
    for (const stemCell of [false, true]) {
      const full = await new Fixture().prepare(Promise.reject(new NoMemoryError('full')), stemCell);
      assert.deepEqual(full, { kind: 'unsent', fault: 'memory' });
    }
  });

  it('sends nothing to a container that was removed while it was made', async () => {
    const f = new Fixture();
    const container = f.container();
    const created = Promise.resolve().then(() => {
      if (f.entry) f.table.retire(f.entry);
      return container;
    });
    assert.deepEqual(await f.prepare(created), { kind: 'unsent', fault: 'platform' });
    assert.deepEqual(container.posts, []);
    assert.equal(f.state, 'removing');
  });

  it('keeps the state of a container that is drained while it is initialized', async () => {
    const f = new Fixture();
    f.driver.answer = () => {
      if (f.entry) f.table.setState(f.entry, 'draining');
      return ok({});
    };
    assert.equal((await f.prepare(Promise.resolve(f.container()))).kind, 'ok');
    assert.equal(f.state, 'draining');
  });

  it('tells the developer that the action does not initialize, and gives up the container', async () => {
    const f = new Fixture();
    f.driver.answer = () => ({ status: 502, body: JSON.stringify({ error: 'no main' }) });
    const prepared = failure(await f.prepare(Promise.resolve(f.container())));
    assert.equal(prepared.initialized, true);
    assert.equal(errorOf(prepared), 'no main');
    assert.deepEqual(f.drained, [f.entry]);
  });

  describe('of a container that refuses the action', () => {
    /** How it goes with a container that refuses, and that then runs on or not. */
    async function refused(f: Fixture, stemCell: boolean, dies: boolean): Promise<Prepared> {
      f.driver.answer = (_, container) => {
        if (dies) container.die();
        throw new ContainerConnectionError('refused', 'no connection');
      };
      return f.prepare(Promise.resolve(f.container()), stemCell);
    }

    it('lets another one take the activation while it runs on, and counts it as its fault', async () => {
      const f = new Fixture();
      assert.deepEqual(await refused(f, false, false), { kind: 'unsent', fault: 'container' });
      assert.deepEqual(f.drained, [f.entry]);
    });

    it('tells the developer that it ended by itself, if it was made for the action', async () => {
      const f = new Fixture();
      const prepared = failure(await refused(f, false, true));
      assert.deepEqual(prepared.response, { statusCode: 2, result: { error: texts.abnormalInitialization } });
      assert.deepEqual(prepared.execution.init, { start: 7, end: 7 });
      assert.equal(prepared.execution.containerId, 'c0');
      assert.deepEqual(f.drained, [f.entry]);
    });

    it('counts a stem cell that ended as a fault of the platform', async () => {
      for (const dies of [true, false]) {
        assert.deepEqual(await refused(new Fixture(), true, dies), { kind: 'unsent', fault: 'platform' });
      }
    });
  });
});
