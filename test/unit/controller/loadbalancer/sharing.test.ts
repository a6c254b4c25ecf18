import assert from 'node:assert/strict';
import type { ShardingBalancer } from '../../../../controller/loadbalancer/ShardingBalancer.js';
import { decodeOwners, emptyTable, encodeOwners, reconcile } from '../../../../shared/colors/buckets.js';
import { invokerInstance } from '../../../../shared/messages/instances.js';
import { topics } from '../../../../shared/messaging/topics.js';
import type { PolicyName } from '../../../../shared/colors/ColorPolicy.js';
import { range, seeded } from '../../shared/colors/workload.js';
import { installation, settle } from './installation.js';

const COLORS = 10_000;
const POLICIES: readonly PolicyName[] = ['consistent-hashing', 'bucket-hashing', 'least-assigned'];

describe('three controllers', () => {
  for (const policy of POLICIES) {
    it(`${policy}: send a color to one home, also while one of them restarts`, async () => {
      const { start, pingAll, invoke, messaging } = await installation({ invokers: 4, policy });
      const ids = ['0', '1', '2'];
      const balancers = new Map<string, ShardingBalancer>();
      for (const id of ids) balancers.set(id, await start(id));
      await pingAll();
      const random = seeded(1);
      const placed = new Map<number, Map<number, number>>();
      let hits = 0;
      let total = 0;
      const run = async (invocations: number, alive: readonly string[]): Promise<void> => {
        for (let i = 0; i < invocations; i++) {
          const id = alive[Math.floor(random() * alive.length)] as string;
          const color = Math.floor(random() * COLORS);
          const { invoker, message } = await invoke(balancers.get(id) as ShardingBalancer, id, { value: `c${color}` });
          total++;
          if (message.color?.hit === true) hits++;
          const counts = placed.get(color) ?? new Map<number, number>();
          counts.set(invoker, (counts.get(invoker) ?? 0) + 1);
          placed.set(color, counts);
          if (i % 50 === 0) await settle();
        }
        await settle();
      };
      await run(15_000, ids);
      await balancers.get('0')?.close();
      await run(5_000, ['1', '2']);
      const restarted = await start('0');
      balancers.set('0', restarted);
      await pingAll();
      await run(15_000, ids);
      // The home of a color is where most of its invocations went.
      let atHome = 0;
      for (const counts of placed.values()) atHome += Math.max(...counts.values());
      assert.ok(atHome / total >= 0.99, `${atHome} of ${total} at home`);
      assert.ok(hits / total >= 0.99, `${hits} of ${total} called hits`);
      const homes = ids.map((id) =>
        range(500).map((color) => balancers.get(id)?.colors.homes('guest', `c${color}`)[0]?.homes[0]),
      );
      assert.deepEqual(homes[0], homes[1]);
      assert.deepEqual(homes[0], homes[2]);
      await Promise.all([...balancers.values()].map((balancer) => balancer.close()));
      await messaging.close();
    });
  }

  it('end with the same home if two assign a color at once: the later message holds', async () => {
    const { start, pingAll, invoke } = await installation({ invokers: 2, policy: 'least-assigned' });
    const zero = await start('0');
    const one = await start('1');
    await pingAll();
    // Each gives homes to two colors before it hears of the other's.
    await Promise.all([
      invoke(zero, '0', { value: 'a' }),
      invoke(one, '1', { value: 'b' }),
      invoke(zero, '0', { value: 'same' }),
      invoke(one, '1', { value: 'same' }),
    ]);
    await settle();
    const homes = [zero, one].map((balancer) =>
      ['a', 'b', 'same'].map((color) => balancer.colors.homes('guest', color)[0]?.homes[0]),
    );
    assert.deepEqual(homes[0], homes[1]);
    await zero.close();
    await one.close();
  });

  it('keep homes while a controller that just started does not know them', async () => {
    // No policy of the installation but of an action: the topic is read once such an action is invoked, not at the start.
    const { start, pingAll, invoke } = await installation({ invokers: 4 });
    const zero = await start('0');
    await pingAll();
    const colors = range(200).map((i) => ({ value: `c${i}`, policy: 'least-assigned' }));
    const homes = new Map<string, number>();
    for (const color of colors) homes.set(color.value, (await invoke(zero, '0', color)).invoker);
    const one = await start('1');
    await pingAll();
    // In another order, so that it would give other homes.
    await Promise.all(colors.toReversed().map((color) => invoke(one, '1', color)));
    const fresh = { value: 'fresh', policy: 'least-assigned' };
    const { invoker: freshHome } = await invoke(one, '1', fresh);
    await settle();
    assert.equal(zero.colors.view().inUse[0]?.moves, 0);
    for (const balancer of [zero, one]) {
      for (const { value } of colors) {
        assert.equal(balancer.colors.homes('guest', value)[0]?.homes[0], homes.get(value), value);
      }
      assert.equal(balancer.colors.homes('guest', 'fresh')[0]?.homes[0], freshHome);
    }
    await zero.close();
    await one.close();
  });

  it('take their shares of the invokers', async () => {
    const { start, pingAll } = await installation({ invokers: 1 });
    const zero = await start('0');
    const one = await start('1');
    await pingAll();
    assert.deepEqual([zero.clusterSize, one.clusterSize], [2, 2]);
    await one.close();
    await settle();
    assert.equal(zero.clusterSize, 1);
    await zero.close();
  });
});

describe('an invoker with a high number', () => {
  it('costs little: the placeholders below it are homes of nothing and keep their places in the lists', async () => {
    const { messaging, start, pingAll, invoke } = await installation({ invokers: 2, policy: 'bucket-hashing' });
    const balancer = await start('0');
    await pingAll();
    const bus = await messaging.producer();
    await bus.send(topics().health, { name: invokerInstance(64_999, 'far', 1024), isEnabled: true });
    await settle();
    const before = balancer.invokers();
    assert.equal(before.length, 65_000);
    await invoke(balancer, '0', { value: 'blue' });
    assert.ok((balancer.colors.view().inUse[0]?.invokers.length ?? 0) <= 3);
    await bus.send(topics().health, { name: invokerInstance(1, 'host1', 1024), isEnabled: false });
    await settle();
    const after = balancer.invokers();
    assert.deepEqual(
      after.filter((one, i) => one !== before[i]).map(({ instance }) => instance.instance),
      [1],
      'one change makes one new entry',
    );
    await balancer.close();
  });
});

describe('the table of buckets on the bus', () => {
  it('is read as it was written, and a broken one not at all', () => {
    const table = reconcile(emptyTable(), [0, 7, 300]);
    assert.deepEqual(decodeOwners(encodeOwners(table)), table);
    assert.equal(decodeOwners('AAAA'), undefined);
  });
});
