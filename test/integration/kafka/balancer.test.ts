import assert from 'node:assert/strict';
import { Registry } from 'prom-client';
import type { SchedulableAction } from '../../../controller/loadbalancer/LoadBalancer.js';
import { BalancerMetrics } from '../../../controller/loadbalancer/BalancerMetrics.js';
import { BALANCER, ShardingBalancer } from '../../../controller/loadbalancer/ShardingBalancer.js';
import { SUPERVISION } from '../../../controller/loadbalancer/supervision.js';
import { newActivationId } from '../../../shared/entities/activationId.js';
import { POLICY_OPTIONS, type PolicyName } from '../../../shared/colors/ColorPolicy.js';
import { silentLogger } from '../../../shared/logging/Logger.js';
import { combinedMessage } from '../../../shared/messages/acknowledgement.js';
import type { ActivationMessage } from '../../../shared/messages/activation.js';
import { invokerInstance } from '../../../shared/messages/instances.js';
import type { Messaging } from '../../../shared/messaging/Messaging.js';
import { openKafka } from '../../../shared/messaging/clients/openKafka.js';
import { topics as makeTopics } from '../../../shared/messaging/topics.js';
import { eventually } from '../../e2e/eventually.js';
import { activationMessage, activationRecord } from '../../unit/controller/loadbalancer/messages.js';
import { range, seeded } from '../../unit/shared/colors/workload.js';
import { skipWithoutBroker } from './broker.js';
import { startKafka, type TestKafka } from './kafka.js';

/*
 * Controllers that share invokers through a Kafka broker: membership, and the assignments of colors.
 */

const HELLO: SchedulableAction = {
  name: { path: 'guest', name: 'hello', version: '0.0.1' },
  memory: 256,
  concurrency: 1,
  timeout: 60_000,
  kind: 'nodejs:20',
  logs: 10,
  blackbox: false,
};
const COLORS = 4000;
/** Invocations under way at a time. */
const PARALLEL = 64;
/** No invoker fails here. On a busy machine, pings pass through broker and consumers much later than they were sent. */
const OFFLINE_MS = 300_000;
/** For the same reason. */
const DELIVERY_MS = 300_000;
const INVOKERS = [0, 1, 2].map((i) => invokerInstance(i, `host${i}`, 64 * 1024));

describe('balancers on Kafka', function () {
  this.timeout(600_000);
  let kafka: TestKafka;
  before(async function () {
    skipWithoutBroker(this);
    kafka = await startKafka();
  });
  after(() => (kafka as TestKafka | undefined)?.close());

  const connect = (clientId: string): Promise<Messaging> =>
    openKafka('kafkajs', { brokers: kafka.hosts.split(','), clientId, deliveryTimeoutMs: DELIVERY_MS });

  /** Invokers that acknowledge whatever they get, and ping. */
  async function invokers(messaging: Messaging, topics: ReturnType<typeof makeTopics>) {
    const bus = await messaging.producer();
    await messaging.ensureTopic(topics.health);
    for (const invoker of INVOKERS) {
      const topic = topics.invoker(invoker.instance);
      await messaging.ensureTopic(topic);
      await messaging.consume({
        topic,
        group: topic.name,
        maxInFlight: 100,
        handle: async (message: ActivationMessage) => {
          const ack = combinedMessage(message.transid, activationRecord(message.activationId), invoker);
          await bus.send(topics.completed(message.rootControllerIndex.asString), ack);
        },
      });
    }
    return setInterval(() => {
      for (const name of INVOKERS) bus.send(topics.health, { name, isEnabled: true }).catch(() => undefined);
    }, 200);
  }

  async function controller(id: string, policy: PolicyName, topics: ReturnType<typeof makeTopics>) {
    const messaging = await connect(`controller${id}`);
    const balancer = await ShardingBalancer.start({
      messaging,
      topics,
      logger: silentLogger,
      metrics: new BalancerMetrics(new Registry()),
      controller: { asString: id, instanceType: 'controller' },
      options: {
        ...BALANCER,
        // On a busy machine one of the invokers here may lag behind, and buckets would move for it, as they should.
        colors: { ...BALANCER.colors, policy, patienceMs: 0, parameters: { ...POLICY_OPTIONS, rebalanceAbove: 1000 } },
        supervision: { ...SUPERVISION, offlineAfterMs: OFFLINE_MS },
        settleMs: 5000,
      },
      onLost: () => assert.fail('nothing is lost here'),
    });
    return {
      balancer,
      invoke: async (color: string): Promise<{ hit: boolean | undefined; invoker: number }> => {
        // Kafka has to take a message within a time from the arrival of its request.
        const transid = { id: 'test', start: Date.now() };
        const rootControllerIndex = { asString: id, instanceType: 'controller' } as const;
        const message = activationMessage({ transid, rootControllerIndex });
        const pending = await balancer.publish(HELLO, message, { value: color });
        assert.equal((await pending.result).kind, 'record');
        return { hit: message.color?.hit, invoker: pending.invoker.instance };
      },
      close: async (): Promise<void> => {
        await balancer.close();
        await messaging.close();
      },
    };
  }

  type Controller = Awaited<ReturnType<typeof controller>>;

  for (const policy of ['consistent-hashing', 'bucket-hashing', 'least-assigned'] as const) {
    it(`${policy}: three controllers send a color to one home, also while one of them restarts`, async () => {
      const topics = makeTopics(`${kafka.prefix}${newActivationId().slice(0, 6)}-`);
      const bus = await connect('invokers');
      const pings = await invokers(bus, topics);
      const ids = ['0', '1', '2'];
      const running = new Map(
        await Promise.all(ids.map(async (id) => [id, await controller(id, policy, topics)] as const)),
      );
      const untilTheyKnow = (size: number): Promise<void> =>
        eventually(async () => {
          for (const { balancer } of running.values()) assert.equal(balancer.clusterSize, size);
          await Promise.resolve();
        });
      /** A controller waits at its start for pings and tests of the invokers, but on a busy machine not long enough. */
      const untilInvokersAreUp = (): Promise<void> =>
        eventually(async () => {
          for (const { balancer } of running.values()) {
            assert.deepEqual(
              balancer.invokers().map(({ status }) => status),
              INVOKERS.map(() => 'up'),
            );
          }
          await Promise.resolve();
        });
      await untilTheyKnow(3);
      await untilInvokersAreUp();
      const random = seeded(1);
      const sent = new Map<number, number[]>();
      let total = 0;
      let hits = 0;
      /** Invocations of colors, drawn like the controllers that they come to, so many at a time. */
      const run = async (invocations: number): Promise<void> => {
        const alive = [...running.values()];
        let left = invocations;
        const client = async (): Promise<void> => {
          while (left-- > 0) {
            const color = total < COLORS ? total : Math.floor(random() * COLORS);
            total++;
            const { hit, invoker } = await (alive[Math.floor(random() * alive.length)] as Controller).invoke(
              `c${color}`,
            );
            if (hit === true) hits++;
            sent.set(color, [...(sent.get(color) ?? []), invoker]);
          }
        };
        await Promise.all(range(PARALLEL).map(client));
      };
      await run(2 * COLORS);
      await running.get('0')?.close();
      running.delete('0');
      await untilTheyKnow(2);
      await run(COLORS / 2);
      running.set('0', await controller('0', policy, topics));
      // It takes part at once, and need not have met the others.
      await untilInvokersAreUp();
      await run(COLORS);
      await untilTheyKnow(3);

      const views = [...running.values()].map(({ balancer }) =>
        range(COLORS).map((color) => balancer.colors.homes('guest', `c${color}`)[0]?.homes[0]),
      );
      assert.deepEqual(views[1], views[0]);
      assert.deepEqual(views[2], views[0]);
      let atHome = 0;
      for (const [color, where] of sent) atHome += where.filter((invoker) => invoker === views[0]?.[color]).length;
      console.log(`      ${atHome} of ${total} invocations of ${sent.size} colors met their home`);
      assert.ok(atHome / total >= 0.99, `${atHome} of ${total} at home`);
      assert.ok(hits / total >= 0.99, `${hits} of ${total} called hits`);
      await Promise.all([...running.values()].map(({ close }) => close()));
      clearInterval(pings);
      await bus.close();
    });
  }

  it("installations that share a broker by a prefix of their topics do not take each other's pings", async () => {
    const installations = range(2).map(() => makeTopics(`${newActivationId().slice(0, 6)}-`));
    // Controllers of two installations have the same id.
    const controllers = await Promise.all(installations.map((topics) => controller('0', 'consistent-hashing', topics)));
    const bus = await connect('invokers');
    const pings = await Promise.all(installations.map((topics) => invokers(bus, topics)));
    for (const { balancer } of controllers) {
      await eventually(async () => {
        assert.deepEqual(
          balancer.invokers().map(({ status }) => status),
          INVOKERS.map(() => 'up'),
        );
        await Promise.resolve();
      });
    }
    await Promise.all(controllers.map(({ close }) => close()));
    pings.forEach((timer) => clearInterval(timer));
    await bus.close();
  });
});
