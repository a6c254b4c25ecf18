import assert from 'node:assert/strict';
import { Registry } from 'prom-client';
import { BalancerMetrics } from '../../../../controller/loadbalancer/BalancerMetrics.js';
import { BALANCER, ShardingBalancer } from '../../../../controller/loadbalancer/ShardingBalancer.js';
import { untilJoined } from '../../../../deploy/standalone/untilJoined.js';
import { silentLogger } from '../../../../shared/logging/Logger.js';
import { invokerInstance } from '../../../../shared/messages/instances.js';
import { EmbeddedMessaging } from '../../../../shared/messaging/embedded/EmbeddedMessaging.js';
import { topics as makeTopics } from '../../../../shared/messaging/topics.js';

describe('a controller of the standalone server that starts', () => {
  it('waits for the invokers and the other controllers, and says who is missing', async () => {
    const messaging = new EmbeddedMessaging();
    const topics = makeTopics();
    const balancer = await ShardingBalancer.start({
      messaging,
      topics,
      logger: silentLogger,
      metrics: new BalancerMetrics(new Registry()),
      controller: { asString: '0', instanceType: 'controller' },
      options: { ...BALANCER, supervision: { ...BALANCER.supervision, trustNew: true } },
      onLost: () => undefined,
      random: () => 0,
    });
    const bus = await messaging.producer();
    const ping = (invoker: number): Promise<void> =>
      bus.send(topics.health, { name: invokerInstance(invoker, `host${invoker}`, 512), isEnabled: true });
    try {
      await ping(0);
      await untilJoined(balancer, { invokers: 1, controllers: 1 });
      await assert.rejects(
        untilJoined(balancer, { invokers: 2, controllers: 3 }, 40),
        /^Error: not all .* joined within 0.04 s: 1 of 2 invokers and 1 of 3 controllers did$/,
      );
      const joined = untilJoined(balancer, { invokers: 2, controllers: 2 });
      await ping(1);
      await bus.send(topics.controllers, { controller: '1' });
      await joined;
    } finally {
      await balancer.close();
      await messaging.close();
    }
  });
});
