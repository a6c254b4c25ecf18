import assert from 'node:assert/strict';
import fc from 'fast-check';
import { chooseShare, coversAll, divideInstances, poolOrder } from '../../../../controller/loadbalancer/instances.js';
import { InvokerCapacity } from '../../../../controller/loadbalancer/InvokerCapacity.js';
import { searchOrder, stepSizes, type Candidate } from '../../../../controller/loadbalancer/schedule.js';
import { HELLO, installation, settle } from './installation.js';
import { activationMessage } from './messages.js';

const invoker = (instance: number, memory: number, up = true): Candidate => ({
  instance,
  up,
  seen: true,
  memory,
  capacity: new InvokerCapacity(memory),
});
const parts = (shares: ReturnType<typeof divideInstances>): [number, number][] =>
  shares.map(({ candidate, instances }) => [candidate.instance, instances]);

describe("the division of an action's limit on containers", () => {
  it('fills one invoker after the other, in the order of the search', () => {
    const order = [invoker(2, 1024), invoker(0, 1024), invoker(1, 1024)];
    assert.deepEqual(parts(divideInstances(order, 5, 256)), [
      [2, 4],
      [0, 1],
    ]);
    assert.deepEqual(parts(divideInstances(order, 3, 256)), [[2, 3]]);
    assert.deepEqual(parts(divideInstances(order, 0, 256)), []);
  });

  it('leaves out invokers that are down or too small', () => {
    const order = [invoker(0, 1024, false), invoker(1, 128), invoker(2, 512)];
    assert.deepEqual(parts(divideInstances(order, 5, 256)), [[2, 2]]);
  });

  it('goes on to the invokers for actions without room in the others', () => {
    const pool = (...candidates: Candidate[]) => ({ name: 'p', candidates, stepSizes: stepSizes(candidates.length) });
    const whole = { ...pool(invoker(0, 512)), fallback: pool(invoker(1, 512), invoker(2, 512)) };
    assert.deepEqual(parts(divideInstances(poolOrder(whole, 3), 3, 256)), [
      [0, 2],
      [2, 1],
    ]);
  });

  it('gives away the limit, unless the memory of all invokers is less', () => {
    const size = fc.record({ memory: fc.integer({ min: 0, max: 4096 }), up: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(size),
        fc.nat(40),
        fc.constantFrom(128, 256, 512),
        fc.nat(),
        (sizes, limit, memory, hash) => {
          const candidates = sizes.map(({ memory: mb, up }, i) => invoker(i, mb, up));
          const order = [...searchOrder(candidates, stepSizes(candidates.length), hash)];
          assert.equal(new Set(order).size, candidates.length);
          const shares = divideInstances(order, limit, memory);
          const room = sizes.reduce((sum, one) => sum + (one.up ? Math.floor(one.memory / memory) : 0), 0);
          const given = shares.reduce((sum, { instances }) => sum + instances, 0);
          assert.equal(given, Math.min(limit, room));
          for (const { candidate, instances } of shares)
            assert.ok(instances * memory <= candidate.memory && candidate.up);
        },
      ),
    );
  });

  it('sends to the first invoker with room, else to the one with fewer invocations for each container', () => {
    const [first, second] = [invoker(0, 512), invoker(1, 256)];
    const shares = divideInstances([first, second], 3, 256);
    const request = { key: 'a', concurrency: 1, memory: 256, parts: new Map(parts(shares)) };
    const chosen: number[] = [];
    for (let i = 0; i < 9; i++) {
      const share = chooseShare(shares, request);
      assert.ok(share);
      assert.equal(share.overloaded, i >= 3);
      share.candidate.capacity.take('a', 1, 256, 0, 0, share.instances);
      chosen.push(share.candidate.instance);
    }
    assert.deepEqual(chosen, [0, 0, 1, 0, 0, 1, 0, 0, 1]);
    assert.equal(chooseShare([], request), undefined);
  });
});

describe('the colors of an action with a limit on its containers', () => {
  it('have their homes if each invoker that is up and large enough has a part', () => {
    const all = [invoker(0, 512), invoker(1, 512), invoker(2, 512, false), invoker(3, 128)];
    assert.equal(coversAll(divideInstances(all, 2, 256), all, 256), false);
    assert.equal(coversAll(divideInstances(all, 3, 256), all, 256), true);
    assert.equal(coversAll(divideInstances(all, 100, 256), all, 256), true);
  });

  it('are sent home by a limit that needs all invokers, and share few invokers by a small one', async () => {
    const { start, pingAll, invoke } = await installation({ invokers: 4, memory: 512, patienceMs: 50 });
    const balancer = await start('0');
    await pingAll();
    for (const [instances, met, invokers] of [
      [8, true, 4],
      [7, true, 4],
      [2, false, 1],
    ] as const) {
      const used = new Set<number>();
      for (let i = 0; i < 40; i++) {
        const color = { value: `c${i}` };
        const { invoker: number, message } = await invoke(balancer, '0', color, {}, { ...HELLO, instances });
        used.add(number);
        // It ends before the next one.
        await settle();
        assert.equal(message.color?.hit, met);
        assert.ok(Number(message.color?.patience) > 0, 'the invoker lets it wait for the container of its color');
        assert.ok((message.instances ?? Infinity) <= 2);
      }
      assert.equal(used.size, invokers);
    }
    await balancer.close();
  });
});

describe('the waiting invocations of an action with a limit on its containers', () => {
  it('take no room from other actions', async () => {
    const { start, pingAll, invoke } = await installation({ invokers: 2, memory: 1024, hold: true });
    const balancer = await start('0');
    await pingAll();
    for (let i = 0; i < 20; i++) await invoke(balancer, '0', undefined, {}, { ...HELLO, instances: 1 });
    const other = { ...HELLO, name: { ...HELLO.name, name: 'other' } };
    const used = new Map<number, number>();
    for (let i = 0; i < 7; i++) {
      const { invoker: number } = await invoke(balancer, '0', undefined, {}, other);
      used.set(number, (used.get(number) ?? 0) + 1);
    }
    assert.deepEqual(
      [...used.values()].toSorted((a, b) => a - b),
      [3, 4],
      'all places but the one that the limited action uses',
    );
    await balancer.close();
  });
});

describe('an invocation of an action with a limit on its containers', () => {
  it('is told its part of the limit, which is the same for all controllers and for each color', async () => {
    const { start, arrivals, pingAll } = await installation({ invokers: 4, memory: 512, hold: true });
    const balancers = [await start('0'), await start('1')];
    await pingAll();
    const limited = { ...HELLO, instances: 3 };
    for (let i = 0; i < 12; i++) {
      const color = i % 3 === 0 ? undefined : { value: `color${i}` };
      const message = { ...activationMessage(), activationId: `id${i}` };
      await balancers[i % 2]?.publish(limited, message, color);
    }
    await settle();
    const told = new Map(arrivals.map(({ invoker: number, message }) => [number, message.instances]));
    assert.equal(arrivals.length, 12);
    assert.equal(
      [...told.values()].reduce<number>((sum, part) => sum + (part ?? Infinity), 0),
      3,
    );
    assert.equal(arrivals.filter(({ message }) => message.color !== undefined).length, 8);
    for (const balancer of balancers) await balancer.close();
  });
});
