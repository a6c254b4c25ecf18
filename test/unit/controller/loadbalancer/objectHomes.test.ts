import assert from 'node:assert/strict';
import { objectHomes } from '../../../../controller/loadbalancer/objectHomes.js';
import type { InvokerStatus } from '../../../../controller/loadbalancer/LoadBalancer.js';
import { invokerInstance } from '../../../../shared/messages/instances.js';
import { HELLO, installation, settle } from './installation.js';
import { activationMessage } from './messages.js';

const invoker = (instance: number, status: InvokerStatus, objectsUrl = `http://host${instance}:1`) => ({
  instance: invokerInstance(instance, String(instance), 256),
  status,
  objectsUrl,
});
const at = (...instances: number[]) => instances.map((instance) => ({ instance, url: `http://host${instance}:1` }));
const GUEST = { namespace: { name: 'guest', uuid: 'u' }, limits: {} };

describe('the homes of objects', () => {
  it('are the homes of their color that share objects, in their order; those that are down are away', () => {
    const states = [
      invoker(0, 'up'),
      invoker(1, 'down'),
      { ...invoker(2, 'up'), objectsUrl: undefined },
      invoker(3, 'unhealthy'),
    ];
    const { policy, homes, away } = objectHomes({ policy: 'p', homes: [1, 3, 2, 0, 9] }, states);
    assert.equal(policy, 'p');
    assert.deepEqual(homes, at(3, 0));
    assert.deepEqual(away, at(1));
  });

  it('are at most four', () => {
    const states = Array.from({ length: 8 }, (_, i) => invoker(i, 'up'));
    assert.deepEqual(objectHomes({ policy: 'p', homes: [7, 6, 5, 4, 3, 2] }, states).homes, at(7, 6, 5, 4));
  });
});

describe('the homes of objects by a balancer', () => {
  const shared = async (
    policy: 'consistent-hashing' | 'bucket-hashing' | 'least-assigned' | 'bounded-load' | 'random' | 'round-robin',
  ) => {
    const cluster = await installation({ invokers: 5, policy });
    const balancer = await cluster.start('0');
    await cluster.pingAll('http://host');
    return { ...cluster, balancer };
  };

  for (const policy of ['consistent-hashing', 'bucket-hashing', 'least-assigned', 'bounded-load'] as const) {
    it(`are where ${policy} sends the invocations of the color, whichever comes first`, async () => {
      const { balancer, arrivals } = await shared(policy);
      for (let i = 0; i < 20; i++) {
        const value = `color${i}`;
        const before = balancer.objectHomes(GUEST, { value }).homes[0]?.instance;
        await balancer.publish(HELLO, activationMessage(), { value });
        await settle();
        assert.equal(arrivals.at(-1)?.invoker, before);
        const other = `other${i}`;
        await balancer.publish(HELLO, activationMessage(), { value: other });
        await settle();
        assert.equal(balancer.objectHomes(GUEST, { value: other }).homes[0]?.instance, arrivals.at(-1)?.invoker);
      }
      await balancer.close();
    });
  }

  it('count as no assignment, and exist for an unused policy', async () => {
    const { balancer } = await shared('consistent-hashing');
    for (const callerPolicy of [undefined, 'bucket-hashing', 'least-assigned', 'random', 'round-robin']) {
      const { homes, policy } = balancer.objectHomes(GUEST, { value: 'red', callerPolicy });
      assert.equal(homes.length, 4);
      const oblivious = callerPolicy === 'random' || callerPolicy === 'round-robin';
      assert.equal(policy, oblivious ? 'consistent-hashing' : (callerPolicy ?? 'consistent-hashing'));
      assert.deepEqual(balancer.objectHomes(GUEST, { value: 'red', callerPolicy }).homes, homes);
    }
    for (const { assignments, hits, strays } of balancer.colors.view().inUse) {
      assert.deepEqual({ assignments, hits, strays }, { assignments: 0, hits: 0, strays: 0 });
    }
    await balancer.close();
  });

  it('are not in messages of an installation that shares no objects, and name the controller in others', async () => {
    const { balancer, arrivals } = await shared('consistent-hashing');
    await balancer.publish(HELLO, activationMessage(), { value: 'red' });
    await settle();
    assert.ok(arrivals[0] && !('objects' in arrivals[0].message));
    await balancer.close();
    const named = await installation({ invokers: 2, objectsUrl: 'http://controller:1' });
    const other = await named.start('0');
    await named.pingAll('http://host');
    await other.publish(HELLO, activationMessage(), { value: 'red' });
    await other.publish(HELLO, activationMessage());
    await settle();
    assert.equal(named.arrivals[0]?.message.objects?.homes?.length, 2);
    assert.equal(named.arrivals[0]?.message.objects?.homes?.[0]?.instance, named.arrivals[0]?.invoker);
    assert.deepEqual(named.arrivals[1]?.message.objects, { controller: 'http://controller:1' });
    await other.close();
  });

  it('follow the invokers: a drained one is away, and one without an address is not named', async () => {
    const { balancer, ping } = await shared('consistent-hashing');
    const [home, next] = balancer.objectHomes(GUEST, { value: 'red' }).homes;
    assert.ok(home && next);
    await ping(home.instance, false, 'http://host');
    await settle();
    const drained = balancer.objectHomes(GUEST, { value: 'red' });
    assert.deepEqual(drained.homes[0], next);
    assert.deepEqual(drained.away, [home]);
    await ping(next.instance);
    await settle();
    assert.ok(!balancer.objectHomes(GUEST, { value: 'red' }).homes.some(({ instance }) => instance === next.instance));
    await balancer.close();
  });
});
