import assert from 'node:assert/strict';
import { ContainerStartError } from '../../../../invoker/containers/ContainerDriver.js';
import { ok } from './FakeDriver.js';
import { Gate, NODE_IMAGE, PoolFixture, settle } from './setup.js';

const REMOVAL = { attemptMs: 60_000, firstDelayMs: 1, maxDelayMs: 1 };

/** Waits for something that a timer of a few milliseconds brings about. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

describe('the memory of a pool', () => {
  it('is used until a container is removed, and a container that needs it waits for that', async () => {
    const f = new PoolFixture({ userMemoryMB: 512 });
    const gate = new Gate();
    f.driver.removing = () => gate.pass();
    await f.run({ name: 'a' });
    await f.run({ name: 'b' });
    const runs = ['c', 'd', 'e'].map((name) => f.run({ name }));
    await settle();
    assert.equal(f.driver.containers.length, 2);
    assert.equal(f.pool.counts().usedMB, 512);
    assert.equal(f.pool.counts().containers.removing, 2);
    assert.match(await f.registry.metrics(), /containers\{invoker="invoker0",state="removing"\} 2/);
    gate.one();
    await settle();
    assert.equal(f.driver.containers.length, 3);
    assert.equal(f.driver.memoryMB, 512);
    gate.open();
    await Promise.all(runs);
    await settle();
    assert.ok(f.heard.records.every(({ response }) => response.statusCode === 0));
    assert.equal(f.driver.memoryMB, 512);
  });

  it('is free when the processes of a container have ended, though the engine still removes it', async () => {
    const f = new PoolFixture({ userMemoryMB: 256 });
    const gate = new Gate();
    f.driver.removing = () => gate.pass();
    await f.run({ name: 'a' });
    const b = f.run({ name: 'b' });
    await settle();
    assert.equal(f.driver.containers.length, 1);
    f.driver.containers[0]?.release();
    await b;
    assert.equal(f.heard.records[1]?.response.statusCode, 0);
    assert.equal(f.pool.counts().usedMB, 256);
    assert.equal(f.pool.counts().containers.removing, 1);
    gate.open();
    await settle();
    assert.equal(f.pool.counts().usedMB, 256);
    assert.equal(f.pool.counts().containers.removing, 0);
  });

  it('counts for all but sixteen ended containers that an engine does not remove', async () => {
    const f = new PoolFixture({ userMemoryMB: 256, removal: { ...REMOVAL, firstDelayMs: 60_000, maxDelayMs: 60_000 } });
    f.driver.removing = (container) => {
      container.release();
      throw new Error('never');
    };
    for (let i = 0; i < 17; i++) await f.run({ name: `a${i}` });
    void f.run({ name: 'last' });
    await settle();
    assert.equal(f.driver.containers.length, 17);
    assert.equal(f.pool.counts().waiting + f.pool.counts().containers.creating, 1);
  });

  it('is not given to a stem cell before the container that had it is removed', async () => {
    const cell = { kind: 'nodejs:20', memoryMB: 256, image: NODE_IMAGE, initialCount: 1 };
    const f = new PoolFixture({ userMemoryMB: 256 }, [cell]);
    const gate = new Gate();
    f.driver.removing = () => gate.pass();
    f.pool.sweep();
    await settle();
    f.driver.containers[0]?.die();
    f.pool.sweep();
    await settle();
    assert.equal(f.driver.containers.length, 1);
    gate.open();
    await settle();
    f.pool.sweep();
    await settle();
    assert.equal(f.driver.containers.length, 2);
  });

  it('stays used while a removal fails, which is tried again, and shown', async () => {
    const f = new PoolFixture({ userMemoryMB: 256, removal: REMOVAL });
    let failures = 3;
    f.driver.removing = () => {
      if (failures-- > 0) throw new Error('the engine is busy');
    };
    await f.run({ name: 'a' });
    const run = f.run({ name: 'b' });
    await until(() => failures < 2);
    assert.equal(f.driver.containers.length, 1);
    assert.equal(f.pool.counts().unremoved, 1);
    assert.match(await f.registry.metrics(), /unremoved_containers\{invoker="invoker0"\} 1/);
    assert.equal(f.pool.counts().usedMB, 256);
    await run;
    assert.equal(f.pool.counts().unremoved, 0);
    assert.equal(f.heard.records[1]?.response.statusCode, 0);
    assert.equal(f.driver.memoryMB, 256);
  });

  it('gives an activation another place if the memory that it waits for does not become free', async () => {
    const f = new PoolFixture({ userMemoryMB: 512, removal: { ...REMOVAL, firstDelayMs: 60_000, maxDelayMs: 60_000 } });
    await f.run({ name: 'a' });
    f.now += 1000;
    const gate = new Gate();
    f.driver.answer = async ({ path, body }) => {
      if (path === '/run' && body['action_name'] === '/guest/b') await gate.pass();
      return ok({});
    };
    f.driver.removing = ({ spec }) => {
      if (spec.name.endsWith('_a')) throw new Error('never');
    };
    const b = f.run({ name: 'b' }, { action: { path: 'guest', name: 'b', version: '0.0.1' } });
    await settle();
    const c = f.run({ name: 'c' });
    await settle();
    assert.equal(f.pool.counts().waiting, 1);
    gate.open();
    await Promise.all([b, c]);
    assert.equal(f.heard.records[2]?.response.statusCode, 0);
    assert.equal(f.pool.counts().unremoved, 1);
    assert.equal(f.driver.memoryMB, 512, 'that of a counts, b is gone');
  });

  it('counts the leftovers of a container that did not start, and removes them', async () => {
    const f = new PoolFixture({ userMemoryMB: 256, removal: REMOVAL });
    let attempts = 0;
    const gate = new Gate();
    f.driver.creating = () => {
      throw new ContainerStartError('the connection to the engine broke', {
        remains: {
          destroy: async () => {
            attempts++;
            await gate.pass();
            if (attempts < 3) throw new Error('still away');
          },
        },
      });
    };
    await f.run();
    assert.equal(f.heard.records[0]?.response.statusCode, 3, 'the activation does not wait for that');
    assert.equal(f.pool.counts().usedMB, 256);
    gate.open();
    await until(() => f.pool.counts().usedMB === 0);
    assert.equal(attempts, 3);
  });

  it('is freed a few containers at a time', async () => {
    const f = new PoolFixture({ userMemoryMB: 256 * 20 });
    const gate = new Gate();
    let most = 0;
    let now = 0;
    f.driver.removing = async () => {
      most = Math.max(most, ++now);
      await gate.pass();
      now--;
    };
    await Promise.all(Array.from({ length: 20 }, (_, i) => f.run({ name: `a${i}` })));
    f.now += 1_000_000;
    f.pool.sweep();
    await settle();
    assert.equal(f.pool.counts().containers.removing, 20);
    assert.equal(most, 8);
    gate.open();
    await until(() => f.pool.counts().usedMB === 0);
    assert.equal(most, 8);
  });

  it('becomes free even if an attempt to remove a container never ends', async () => {
    const f = new PoolFixture({ userMemoryMB: 256, removal: { ...REMOVAL, attemptMs: 5 } });
    let attempts = 0;
    f.driver.removing = () => (attempts++ === 0 ? new Promise(() => {}) : undefined);
    await f.run({ name: 'a' });
    await f.run({ name: 'b' });
    assert.equal(attempts, 2);
    assert.equal(f.heard.records[1]?.response.statusCode, 0);
  });
});
