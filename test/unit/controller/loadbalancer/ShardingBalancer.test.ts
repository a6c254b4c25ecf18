import assert from 'node:assert/strict';
import { Registry } from 'prom-client';
import type { LostActivation } from '../../../../controller/loadbalancer/InFlightActivations.js';
import { NoInvokersError, type SchedulableAction } from '../../../../controller/loadbalancer/LoadBalancer.js';
import { lostRecord } from '../../../../controller/loadbalancer/lostActivations.js';
import { BalancerMetrics } from '../../../../controller/loadbalancer/BalancerMetrics.js';
import { generateHash } from '../../../../controller/loadbalancer/schedule.js';
import {
  BALANCER,
  ShardingBalancer,
  type BalancerOptions,
} from '../../../../controller/loadbalancer/ShardingBalancer.js';
import { silentLogger } from '../../../../shared/logging/Logger.js';
import { combinedMessage, completionMessage } from '../../../../shared/messages/acknowledgement.js';
import type { ActivationMessage } from '../../../../shared/messages/activation.js';
import { invokerInstance } from '../../../../shared/messages/instances.js';
import { EmbeddedMessaging } from '../../../../shared/messaging/embedded/EmbeddedMessaging.js';
import type { Producer } from '../../../../shared/messaging/Messaging.js';
import { topics as makeTopics } from '../../../../shared/messaging/topics.js';
import { activationMessage, activationRecord } from './messages.js';

const controller = { asString: '0', instanceType: 'controller' } as const;
const action: SchedulableAction = {
  name: { path: 'guest', name: 'hello', version: '0.0.1' },
  memory: 256,
  concurrency: 1,
  timeout: 60_000,
  kind: 'nodejs:20',
  logs: 10,
  blackbox: false,
};
/** Lets the bus hand on what was sent. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A balancer on an embedded bus, and invokers that record what they get. */
async function setUp(memories: readonly number[], options: Partial<BalancerOptions> = {}, now?: () => number) {
  const messaging = new EmbeddedMessaging();
  const used: number[] = [];
  const producer = messaging.producer.bind(messaging);
  messaging.producer = async () => {
    const made = await producer();
    const send: Producer['send'] = (topic, message, how) => {
      if (how?.usedMs !== undefined) used.push(how.usedMs);
      return made.send(topic, message, how);
    };
    return { ...made, send };
  };
  const topics = makeTopics();
  const registry = new Registry();
  const lost: LostActivation[] = [];
  const balancer = await ShardingBalancer.start({
    messaging,
    topics,
    logger: silentLogger,
    metrics: new BalancerMetrics(registry),
    controller,
    options: { ...BALANCER, supervision: { ...BALANCER.supervision, trustNew: true }, ...options },
    onLost: (one) => lost.push(one),
    random: () => 0,
    now,
  });
  const bus = await messaging.producer();
  const received: { invoker: number; message: ActivationMessage }[] = [];
  for (const [invoker, memory] of memories.entries()) {
    await messaging.consume({
      topic: topics.invoker(invoker),
      group: `invoker${invoker}`,
      maxInFlight: 1000,
      handle: (message) => void received.push({ invoker, message }),
    });
    await bus.send(topics.health, { name: invokerInstance(invoker, `host${invoker}`, memory), isEnabled: true });
  }
  await settle();
  return { balancer, messaging, topics, bus, received, registry, lost, used };
}

describe('the load balancer', () => {
  it('sends to the home of the action while it has room, then on, and at random once all are full', async () => {
    const { balancer, received, registry } = await setUp([512, 512, 512]);
    const home = generateHash('guest', 'guest/hello') % 3;
    for (let i = 0; i < 7; i++) await balancer.publish(action, activationMessage());
    await settle();
    const to = received.map(({ invoker }) => invoker);
    assert.deepEqual(to.slice(0, 2), [home, home]);
    assert.deepEqual(
      to.slice(0, 6).toSorted((a, b) => a - b),
      [0, 0, 1, 1, 2, 2],
    );
    assert.equal(to[6], 0);
    assert.match(await registry.metrics(), /loadbalancer_overload_total\{type="managed"\} 1/);
    assert.equal(balancer.totalActiveActivations(), 7);
    assert.equal(balancer.activeActivationsFor('23bc46b1-71f6-4ed5-8c54-816aa4f8c502'), 7);
    await balancer.close();
  });

  it('resolves at the acknowledgement and has the slot back', async () => {
    const { balancer, bus, topics } = await setUp([256]);
    const message = activationMessage();
    const record = activationRecord(message.activationId);
    const { result, invoker, activationId } = await balancer.publish(action, message);
    assert.deepEqual([invoker.uniqueName, activationId], ['host0', message.activationId]);
    await bus.send(topics.completed('0'), combinedMessage(message.transid, record, invoker));
    assert.deepEqual(await result, { kind: 'record', record });
    assert.equal(balancer.totalActiveActivations(), 0);
    await balancer.close();
  });

  it('counts the time limit of the bus from the arrival of the request', async () => {
    const { balancer, used } = await setUp([512], {}, () => 60_000);
    await balancer.publish(action, activationMessage({ transid: { id: 'late', start: 53_000 } }));
    assert.deepEqual(used, [7000]);
    await balancer.close();
  });

  it('places blackbox actions on their own share', async () => {
    const { balancer, received } = await setUp([512, 512], {
      shares: { managedFraction: 0.5, blackboxFraction: 0.5, minMemory: 128 },
    });
    await balancer.publish(action, activationMessage());
    await balancer.publish({ ...action, blackbox: true }, activationMessage());
    await settle();
    assert.deepEqual(
      received.map(({ invoker }) => invoker),
      [0, 1],
    );
    await balancer.close();
  });

  it('asks an invoker that joins to prepare containers of colored actions, if its ping says that it can', async () => {
    let now = 0;
    const { balancer, bus, topics, messaging, received } = await setUp([512], {}, () => now);
    await balancer.publish(action, activationMessage({ content: { secret: 1 } }), { value: 'red' });
    await balancer.publish({ ...action, instances: 2 }, activationMessage(), { value: 'red' });
    now = 60_000;
    for (const [invoker, prepares] of [
      [1, undefined],
      [2, true],
    ] as const) {
      await messaging.consume({
        topic: topics.invoker(invoker),
        group: `invoker${invoker}`,
        maxInFlight: 10,
        handle: (message) => void received.push({ invoker, message }),
      });
      const name = invokerInstance(invoker, `host${invoker}`, 512);
      await bus.send(topics.health, { name, isEnabled: true, prepares });
    }
    await settle();
    const asked = received.filter(({ message }) => message.prepare !== undefined);
    assert.deepEqual(
      asked.map(({ invoker, message }) => [invoker, message.action.name, message.content, message.prepare]),
      [[2, 'hello', {}, 1]],
    );
    assert.equal(balancer.totalActiveActivations(), 2, 'a request to prepare is no invocation');
    await balancer.close();
  });

  it('reports a kind that no invoker can run', async () => {
    const { balancer, bus, topics } = await setUp([512, 512]);
    const says = async (invoker: number, unavailableKinds: Record<string, string>): Promise<void> => {
      const name = invokerInstance(invoker, `host${invoker}`, 512);
      await bus.send(topics.health, { name, isEnabled: true, unavailableKinds });
      await settle();
    };
    assert.equal(balancer.unavailable('python:3'), undefined);
    await says(0, { 'python:3': 'there is no image' });
    assert.equal(balancer.unavailable('python:3'), undefined, 'the other has not said so');
    await says(1, { 'python:3': 'there is no image' });
    assert.equal(balancer.unavailable('python:3'), 'there is no image');
    await says(0, {});
    assert.equal(balancer.unavailable('python:3'), undefined);
    await balancer.close();
  });

  it('refuses if no invoker is up', async () => {
    const { balancer, bus, topics } = await setUp([]);
    await assert.rejects(balancer.publish(action, activationMessage()), NoInvokersError);
    await bus.send(topics.health, { name: invokerInstance(0, 'host', 1024), isEnabled: false });
    await settle();
    await assert.rejects(balancer.publish(action, activationMessage()), NoInvokersError);
    assert.deepEqual(
      balancer.invokers().map(({ status }) => status),
      ['down'],
    );
    await balancer.close();
  });

  it('refuses a namespace if all invokers are dedicated to others, and names it', async () => {
    const { balancer, bus, topics } = await setUp([]);
    const name = { ...invokerInstance(0, 'host', 1024), dedicatedNamespaces: ['alice'] };
    await bus.send(topics.health, { name, isEnabled: true });
    await settle();
    const message = activationMessage();
    const { namespace } = message.user;
    await assert.rejects(
      balancer.publish(action, message),
      new RegExp(`NoInvokersError: No invoker is available for the namespace '${namespace.name}': all are dedicated`),
    );
    const user = { ...message.user, namespace: { ...namespace, name: 'alice' } };
    assert.equal((await balancer.publish(action, activationMessage({ user }))).invoker.instance, 0);
    await balancer.close();
  });

  it('tests a new invoker with an action of its own before users meet it', async () => {
    const { balancer, bus, topics, received } = await setUp([1024], { supervision: BALANCER.supervision });
    await assert.rejects(balancer.publish(action, activationMessage()), NoInvokersError);
    const test = received[0]?.message;
    assert.ok(test);
    assert.deepEqual(test.action, { path: 'whisk.system', name: 'invokerHealthTestAction0', version: '0.0.1' });
    assert.equal(test.revision, null);
    assert.equal(test.user.namespace.name, 'whisk.system');
    const done = completionMessage(test.transid, activationRecord(test.activationId), invokerInstance(0, 'host', 1024));
    await bus.send(topics.completed('0'), done);
    await settle();
    assert.equal(balancer.invokers()[0]?.status, 'up');
    assert.equal(balancer.totalActiveActivations(), 0);
    await balancer.publish(action, activationMessage());
    await balancer.close();
  });

  it('has settled when the invokers have pinged and answered their first tests', async () => {
    const { balancer, bus, topics, received } = await setUp([1024], { supervision: BALANCER.supervision });
    let settled = false;
    const whenSettled = balancer.whenSettled(10_000, 20).then(() => (settled = true));
    await new Promise((resolve) => setTimeout(resolve, 150));
    assert.equal(settled, false);
    const test = received[0]?.message as ActivationMessage;
    const done = completionMessage(test.transid, activationRecord(test.activationId), invokerInstance(0, 'host', 1024));
    await bus.send(topics.completed('0'), done);
    await whenSettled;
    await balancer.close();
  });

  it('undoes its accounting if the bus refuses the message', async () => {
    const { balancer, messaging } = await setUp([512]);
    await messaging.close();
    await assert.rejects(balancer.publish(action, activationMessage()), /closed/);
    assert.equal(balancer.totalActiveActivations(), 0);
    await balancer.close();
  });

  it('tells of an activation that was lost, as a record of failure', async () => {
    const { balancer, lost } = await setUp([512], {
      completion: { stdTimeoutMs: 5, timeoutFactor: 1, timeoutAddonMs: 0 },
    });
    const message = activationMessage();
    const colored = activationMessage();
    const { result } = await balancer.publish({ ...action, timeout: 1 }, message);
    const coloredToo = await balancer.publish({ ...action, timeout: 1 }, colored, { value: 'blue' });
    const alive = setTimeout(() => undefined, 1000);
    assert.equal((await result).kind, 'lost');
    assert.equal((await coloredToo.result).kind, 'lost');
    clearTimeout(alive);
    const [one, other] = lost;
    assert.ok(one && other);
    const record = lostRecord(one, one.sentAt + 5);
    assert.equal(record.activationId, message.activationId);
    assert.equal(record.namespace, 'guest');
    assert.equal(record.response.statusCode, 3);
    assert.equal(record.duration, 5);
    assert.deepEqual(
      record.annotations.map(({ key }) => key),
      ['path', 'waitTime', 'kind', 'timeout', 'limits'],
    );
    assert.deepEqual(record.annotations[0], { key: 'path', value: 'guest/hello' });
    assert.deepEqual(record.annotations.slice(2), [
      { key: 'kind', value: 'nodejs:20' },
      { key: 'timeout', value: false },
      { key: 'limits', value: { concurrency: 1, logs: 10, memory: 256, timeout: 1 } },
    ]);
    assert.deepEqual(lostRecord(other, 0).annotations.slice(5), [
      { key: 'color', value: 'blue' },
      { key: 'invoker', value: 'invoker0' },
      { key: 'colorHome', value: true },
    ]);
    await balancer.close();
  });
});
