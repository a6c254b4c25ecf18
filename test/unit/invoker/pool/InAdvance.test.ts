import assert from 'node:assert/strict';
import type { ActivationMessage } from '../../../../shared/messages/activation.js';
import { ok } from './FakeDriver.js';
import { executable, Gate, message, NODE_IMAGE, PoolFixture, settle } from './setup.js';

const CELL = { kind: 'nodejs:20', memoryMB: 256, image: NODE_IMAGE, initialCount: 1 };

describe('InAdvance', () => {
  it('initializes as many as are wanted, without an activation, and runs later ones there', async () => {
    const f = new PoolFixture();
    f.pool.prepare(message(), executable(), 2);
    await settle();
    assert.deepEqual(
      f.driver.containers.map(({ posts }) => posts.map(({ path }) => path)),
      [['/init'], ['/init']],
    );
    assert.deepEqual([f.heard.records.length, f.heard.acks.length], [0, 0]);
    assert.equal(f.pool.counts().activations, 0);
    f.pool.prepare(message(), executable(), 2);
    await f.run();
    assert.equal(f.driver.containers.length, 2);
    const metrics = await f.registry.metrics();
    assert.match(metrics, /starts_total\{invoker="invoker0",start="warm"\} 1/);
    assert.match(metrics, /prepared_containers_total\{invoker="invoker0"\} 2/);
  });

  it('evicts nothing, and is evicted for other activations', async () => {
    const f = new PoolFixture({ userMemoryMB: 512 });
    await f.run({ name: 'other' });
    f.pool.prepare(message(), executable(), 5);
    await settle();
    assert.equal(f.driver.alive.length, 2);
    await Promise.all([f.run({ name: 'third' }), f.run({ name: 'fourth' })]);
    assert.equal(f.driver.alive.length, 2);
  });

  it('removes the container of a timer, asks for one before the next time, and tells that it was used', async () => {
    const asked: { readonly sent: ActivationMessage; readonly containers: number }[] = [];
    const onPredicted = (sent: ActivationMessage, containers: number): void => void asked.push({ sent, containers });
    const f = new PoolFixture({ predictsIdle: true }, [], { onPredicted });
    const sent = { content: { secret: 's', large: 'x'.repeat(100) }, initArgs: ['secret'] };
    for (let i = 0; i < 7; i++) {
      await f.run({}, sent);
      f.now += 30 * 60_000;
    }
    await f.run({}, sent);
    f.now += 10_000;
    f.pool.sweep();
    await settle();
    assert.equal(f.driver.alive.length, 0);
    f.now += 28 * 60_000;
    f.pool.sweep();
    f.pool.sweep();
    assert.deepEqual(
      asked.map(({ sent: { content }, containers }) => ({ content, containers })),
      [{ content: { secret: 's' }, containers: 1 }],
    );
    f.pool.prepare(asked[0]?.sent ?? assert.fail(), executable(), 1, true);
    await settle();
    const made = f.driver.containers.length;
    await f.run();
    assert.equal(f.driver.containers.length, made);
    const metrics = await f.registry.metrics();
    assert.match(metrics, /predicted_containers_total\{invoker="invoker0"\} 1/);
    assert.match(metrics, /predicted_containers_used_total\{invoker="invoker0"\} 1/);
    assert.match(metrics, /predicted_actions\{invoker="invoker0"\} 1/);
  });

  it('keeps containers for the fixed time without predictions', async () => {
    const f = new PoolFixture();
    for (let i = 0; i < 7; i++) {
      await f.run();
      f.now += 30 * 60_000;
    }
    await f.run();
    f.now += 60_000;
    f.pool.sweep();
    await settle();
    assert.equal(f.driver.alive.length, 1);
    assert.match(await f.registry.metrics(), /predicted_actions\{invoker="invoker0"\} 0/);
  });

  it('takes the stem cells of the kind', async () => {
    const f = new PoolFixture({}, [CELL]);
    f.pool.start();
    await settle();
    f.pool.prepare(message(), executable(), 1);
    await settle();
    assert.deepEqual(
      f.driver.containers[0]?.posts.map(({ path }) => path),
      ['/init'],
    );
    await f.run();
    assert.match(await f.registry.metrics(), /starts_total\{invoker="invoker0",start="warm"\} 1/);
    await f.pool.close(0);
  });

  it('removes a container that cannot be prepared', async () => {
    for (const fail of ['create', 'init', 'unlock'] as const) {
      const f = new PoolFixture({}, [], {
        decrypt: () => {
          throw new Error('changed');
        },
      });
      if (fail === 'create') f.driver.creating = () => Promise.reject(new Error('no'));
      if (fail === 'init') f.driver.answer = () => ({ status: 502, body: '{"error":"no"}' });
      const locked = fail === 'unlock' ? { content: { a: 'x' }, lockedArgs: { a: 'aes-128' } } : {};
      f.pool.prepare(message(locked), executable(), 1);
      await settle();
      assert.equal(f.driver.alive.length, 0, fail);
      assert.equal(f.pool.counts().usedMB, 0, fail);
      assert.equal(f.heard.records.length, 0);
    }
  });

  it('waits for nobody: it does nothing while activations wait, and while the invoker stops', async () => {
    const f = new PoolFixture({ userMemoryMB: 256 });
    const gate = new Gate();
    f.driver.answer = async () => {
      await gate.pass();
      return ok({});
    };
    const both = [f.run(), f.run({ name: 'other' })];
    await settle();
    f.pool.prepare(message(), executable({ memory: 128 }), 1);
    gate.open();
    await Promise.all(both);
    await f.pool.close(0);
    f.pool.prepare(message(), executable(), 1);
    await settle();
    assert.equal(f.driver.containers.length, 2);
  });

  it('removes containers in preparation when the pool closes', async () => {
    const f = new PoolFixture();
    const gate = new Gate();
    f.driver.creating = () => gate.pass();
    f.pool.prepare(message(), executable(), 2);
    const closed = f.pool.close(0);
    gate.open();
    await closed;
    assert.equal(f.driver.alive.length, 0);
  });

  it('pauses and removes a container that nothing uses, as any other', async () => {
    const f = new PoolFixture();
    f.pool.prepare(message(), executable(), 1);
    await settle();
    f.now += 9999;
    f.pool.sweep();
    assert.equal(f.driver.containers[0]?.pauses, 0);
    f.now += 1;
    f.pool.sweep();
    assert.equal(f.driver.containers[0]?.pauses, 1);
  });
});
