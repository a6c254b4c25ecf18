import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { objectHomes, objectInvokers } from '../../../../controller/loadbalancer/objectHomes.js';
import type { InvokerStatus } from '../../../../controller/loadbalancer/LoadBalancer.js';
import { Supervisor } from '../../../../controller/loadbalancer/Supervisor.js';
import { SUPERVISION, type Supervised } from '../../../../controller/loadbalancer/supervision.js';
import { silentLogger } from '../../../../shared/logging/Logger.js';
import { invokerInstance } from '../../../../shared/messages/instances.js';
import { EmbeddedMessaging } from '../../../../shared/messaging/embedded/EmbeddedMessaging.js';
import { topics } from '../../../../shared/messaging/topics.js';
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

describe('all invokers that share objects', () => {
  const supervised = (instance: number, status: InvokerStatus, pingedAt: number): Supervised => ({
    ...invoker(instance, status),
    outcomes: [],
    pingedAt,
    testAt: Infinity,
  });
  const many = (count: number, status: InvokerStatus, pingedAt: number, first = 0): Supervised[] =>
    Array.from({ length: count }, (_, i) => supervised(first + i, status, pingedAt));

  it('are those that are up, and those that are away with the time since they were heard of', () => {
    const all = [
      supervised(0, 'down', 100),
      supervised(1, 'unhealthy', 1000),
      { ...supervised(2, 'up', 1000), objectsUrl: undefined },
      supervised(3, 'up', 1000),
      supervised(4, 'down', 1600),
    ];
    const [first, last] = at(0, 4);
    const away = [
      { ...last, silentMs: 0 },
      { ...first, silentMs: 1400 },
    ];
    assert.deepEqual(objectInvokers(all, 1500), { up: at(1, 3), away });
  });

  it('are at most a thousand, without some that count as lost', () => {
    assert.equal(objectInvokers(many(1001, 'up', 0), 0), undefined);
    const named = objectInvokers(
      [...many(999, 'up', 600_000), ...many(2, 'down', 0, 999), supervised(5000, 'down', 1)],
      600_000,
    );
    assert.deepEqual([named?.up.length, named?.away], [999, [{ ...at(5000)[0], silentMs: 599_999 }]]);
    assert.equal(objectInvokers([...many(999, 'up', 600_000), ...many(2, 'down', 1, 999)], 600_000), undefined);
  });

  it('are known to a controller that has heard of them for ten minutes without a break', () => {
    let now = 0;
    const supervisor = new Supervisor({
      messaging: new EmbeddedMessaging(),
      topics: topics(),
      logger: silentLogger,
      controllerId: '0',
      options: SUPERVISION,
      sendTest: () => undefined,
      onChange: () => undefined,
      now: () => now,
    });
    const ping = (instance: number, isEnabled = true): void =>
      supervisor.ping({ name: invokerInstance(instance, 'host', 256), isEnabled, objects: `http://host${instance}:1` });
    const pass = (ms: number): void => {
      now += ms;
      supervisor.tick();
    };
    pass(60_000);
    assert.equal(supervisor.hearsForMs, 0);
    ping(0);
    for (let i = 0; i < 70; i++) {
      pass(9000);
      ping(i % 2, i % 3 === 0);
    }
    assert.equal(supervisor.hearsForMs, 630_000);
    assert.deepEqual(
      [...supervisor.supervised].map(({ instance }) => instance.instance),
      [0, 1],
    );
    // The bus was out of order: another invoker may have come and gone.
    pass(9000);
    pass(9000);
    assert.equal(supervisor.hearsForMs, 0);
    ping(0);
    pass(1000);
    assert.equal(supervisor.hearsForMs, 1000);
    // The controller was frozen, and has not caught up with the pings yet.
    now += 11_000;
    ping(0);
    assert.equal(supervisor.hearsForMs, 0);
    pass(0);
    pass(1000);
    assert.equal(supervisor.hearsForMs, 1000);
  });

  it('are not named by a controller that has started later, unless they are in its process', async () => {
    mock.timers.enable({ apis: ['setInterval'] });
    try {
      for (const trustNew of [false, true]) {
        const { start, pingAll, ping } = await installation({ invokers: 2, trustNew });
        let now = 1_000_000;
        const balancer = await start('0', () => now);
        await pingAll('http://host');
        await ping(1, false, 'http://host');
        for (let i = 0; i < 60; i++) {
          const [up, [drained]] = [at(0), at(1)];
          assert.ok(drained);
          await ping(0, true, 'http://host');
          await settle();
          const known = { up, away: [{ ...drained, silentMs: now - 1_000_000 }] };
          assert.deepEqual(balancer.objectInvokers(), trustNew ? known : undefined);
          now += 10_000;
          mock.timers.tick(1000);
        }
        // It names them although it is out of service itself.
        await balancer.setInService(false);
        assert.deepEqual(
          [balancer.objectInvokers()?.up.length, balancer.objectInvokers()?.away[0]?.silentMs],
          [1, 600_000],
        );
        await balancer.close();
      }
    } finally {
      mock.timers.reset();
    }
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
