import assert from 'node:assert/strict';
import { Registry } from 'prom-client';
import type { SchedulableAction } from '../../../controller/loadbalancer/LoadBalancer.js';
import { BalancerMetrics } from '../../../controller/loadbalancer/metrics.js';
import { BALANCER, ShardingBalancer } from '../../../controller/loadbalancer/ShardingBalancer.js';
import { newActivationId } from '../../../shared/entities/activationId.js';
import { POLICY_OPTIONS, type PolicyName } from '../../../shared/colors/ColorPolicy.js';
import { silentLogger } from '../../../shared/logging/Logger.js';
import { combinedMessage } from '../../../shared/messages/acknowledgement.js';
import type { ActivationMessage } from '../../../shared/messages/activation.js';
import { invokerInstance } from '../../../shared/messages/instances.js';
import type { Messaging } from '../../../shared/messaging/Messaging.js';
import { openKafka } from '../../../shared/messaging/openKafka.js';
import { topics as makeTopics } from '../../../shared/messaging/topics.js';
import { eventually } from '../../e2e/eventually.js';
import { activationMessage, activationRecord } from '../../unit/controller/loadbalancer/messages.js';
import { startBroker, type Broker } from './broker.js';

/*
 * Controllers that share invokers through a Kafka broker: membership, and the assignments of colors.
 */

const HELLO: SchedulableAction = {
  name: { path: 'guest', name: 'hello', version: '0.0.1' },
  memory: 256,
  concurrency: 1,
  timeout: 60_000,
  blackbox: false,
};
const INVOKERS = [0, 1, 2].map((i) => invokerInstance(i, `host${i}`, 64 * 1024));

describe('balancers on Kafka', function () {
  this.timeout(120_000);
  let broker: Broker | undefined;
  let hosts: string[];
  before(async () => {
    const given = process.env['KAFKA_HOSTS'];
    broker = given === undefined ? await startBroker() : undefined;
    hosts = (given ?? broker?.hosts ?? '').split(',');
  });
  after(() => broker?.close());

  const connect = (clientId: string): Promise<Messaging> => openKafka('kafkajs', { brokers: hosts, clientId });

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
        colors: { policy, parameters: POLICY_OPTIONS, goneAfterMs: 600_000 },
        settleMs: 5000,
      },
      onLost: () => assert.fail('nothing is lost here'),
    });
    return {
      balancer,
      invoke: async (color: string): Promise<{ hit: boolean | undefined; invoker: number }> => {
        const message = activationMessage({ rootControllerIndex: { asString: id, instanceType: 'controller' } });
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

  for (const policy of ['least-assigned', 'bucket-hashing'] as const) {
    it(`${policy}: a color has one home, whichever controller, and keeps it when a controller starts again`, async () => {
      const topics = makeTopics(`${newActivationId().slice(0, 6)}-`);
      const bus = await connect('invokers');
      const pings = await invokers(bus, topics);
      const [zero, one] = await Promise.all([controller('0', policy, topics), controller('1', policy, topics)]);
      await eventually(async () => {
        assert.deepEqual([zero.balancer.clusterSize, one.balancer.clusterSize], [2, 2]);
        await Promise.resolve();
      });
      const homes = new Map<string, number>();
      for (let i = 0; i < 60; i++) {
        const { hit, invoker } = await (i % 2 === 0 ? zero : one).invoke(`c${i}`);
        assert.equal(hit, true);
        homes.set(`c${i}`, invoker);
      }
      let astray = 0;
      for (let i = 0; i < 60; i++) {
        const { invoker } = await (i % 2 === 0 ? one : zero).invoke(`c${i}`);
        if (invoker !== homes.get(`c${i}`)) astray++;
      }
      assert.equal(astray, 0);

      await zero.close();
      await eventually(async () => {
        assert.equal(one.balancer.clusterSize, 1, 'its share is taken over');
        await Promise.resolve();
      });
      const again = await controller('0', policy, topics);
      for (const [color, home] of homes) {
        const { hit, invoker } = await again.invoke(color);
        assert.deepEqual([hit, invoker], [true, home], color);
      }
      await Promise.all([again.close(), one.close()]);
      clearInterval(pings);
      await bus.close();
    });
  }
});
