import assert from 'node:assert/strict';
import type { InvokerHealth, InvokerStatus } from '../../../../controller/loadbalancer/LoadBalancer.js';
import { Shares } from '../../../../controller/loadbalancer/Shares.js';
import { invokerInstance } from '../../../../shared/messages/instances.js';

const MIN = 128;
const invoker = (instance: number, memory = 1024, status: InvokerStatus = 'up'): InvokerHealth => ({
  instance: invokerInstance(instance, String(instance), memory),
  status,
});
const shares = (blackboxFraction: number, managedFraction = 1 - blackboxFraction): Shares =>
  new Shares({ blackboxFraction, managedFraction, minMemory: MIN });

describe("a controller's shares of the invokers", () => {
  it('grow with the invokers and keep the memory in use', () => {
    const state = shares(0.5);
    assert.deepEqual([state.all, state.managed.candidates, state.blackbox.stepSizes], [[], [], []]);
    state.updateInvokers([invoker(0)]);
    assert.deepEqual([state.managed.candidates, state.blackbox.candidates], [state.all, state.all]);
    state.candidate(0)?.capacity.take('a', 1, MIN);
    state.updateInvokers([invoker(0), invoker(1, 2048)]);
    assert.equal(state.candidate(0)?.capacity.free, 1024 - MIN);
    assert.equal(state.candidate(1)?.capacity.free, 2048);
    assert.deepEqual(
      [state.managed, state.blackbox].map((pool) => pool.candidates.map(({ instance }) => instance)),
      [[0], [1]],
    );
  });

  it('take over the state and the memory of invokers that are known', () => {
    const state = shares(0.5);
    state.updateInvokers([invoker(0), invoker(1, 1024, 'unhealthy')]);
    assert.deepEqual(
      state.all.map(({ up }) => up),
      [true, false],
    );
    state.candidate(0)?.capacity.take('a', 1, 256);
    state.updateInvokers([invoker(0, 512, 'down'), invoker(1)]);
    assert.deepEqual(
      state.all.map(({ up, capacity }) => [up, capacity.free]),
      [
        [false, 256],
        [true, 1024],
      ],
    );
  });

  it('overlap if there are few invokers, and cover all of them', () => {
    // As many of both kinds as Apache OpenWhisk gives out: one more than there are while they overlap.
    for (const [fraction, overlapsBelow] of [
      [0.1, 10],
      [0.2, 5],
      [0.3, 4],
      [0.4, 3],
      [0.5, 2],
    ] as const) {
      const state = shares(fraction);
      const invokers: InvokerHealth[] = [];
      for (let count = 1; count <= 100; count++) {
        invokers.push(invoker(count - 1));
        state.updateInvokers(invokers);
        const total = state.managed.candidates.length + state.blackbox.candidates.length;
        assert.equal(total, count < overlapsBelow ? count + 1 : count, `${count} invokers, ${fraction} blackbox`);
      }
    }
  });

  it('are the same for both kinds if both take all', () => {
    const state = shares(1, 1);
    state.updateInvokers(Array.from({ length: 100 }, (_, i) => invoker(i)));
    assert.equal(state.managed.candidates.length, 100);
    assert.deepEqual(state.managed.candidates, state.blackbox.candidates);
  });

  it('are divided between the controllers', () => {
    const state = shares(0.5);
    state.updateInvokers([invoker(0, 1280), invoker(1, 2560)]);
    state.candidate(0)?.capacity.take('a', 1, MIN);
    state.updateCluster(2);
    assert.equal(state.clusterSize, 2);
    assert.equal(state.candidate(0)?.capacity.free, 640 - MIN, 'what is in use stays on the books');
    assert.equal(state.candidate(1)?.capacity.free, 1280);
    state.candidate(0)?.capacity.release('a', 1, MIN);
    assert.equal(state.candidate(0)?.capacity.free, 640);
    for (const alone of [0, -1]) {
      state.updateCluster(2);
      state.updateCluster(alone);
      assert.equal(state.candidate(0)?.capacity.free, 1280);
    }
  });

  it('have room for the smallest action, however many controllers there are', () => {
    const state = shares(0.5);
    state.updateInvokers([invoker(0, 1280)]);
    state.updateCluster(20);
    assert.equal(state.candidate(0)?.capacity.free, MIN);
  });
});
