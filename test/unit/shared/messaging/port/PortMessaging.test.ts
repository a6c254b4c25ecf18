import assert from 'node:assert/strict';
import { silentLogger } from '../../../../../shared/logging/Logger.js';
import { EmbeddedMessaging } from '../../../../../shared/messaging/embedded/EmbeddedMessaging.js';
import type { Messaging, Topic } from '../../../../../shared/messaging/Messaging.js';
import { PortMessaging } from '../../../../../shared/messaging/port/PortMessaging.js';
import { serveBus } from '../../../../../shared/messaging/port/serveBus.js';
import { messagingSuite } from '../../../../suites/messaging.js';
import { connectedSides, type Sides } from '../../threads/ports.js';

const bus = new EmbeddedMessaging();
const sides: Sides[] = [];
/** The topics that the suite has used, as the thread of the bus knows all topics. */
const topics = new Map<string, Topic<unknown>>();

function topicNamed(name: string): Topic<unknown> {
  const topic = topics.get(name);
  assert.ok(topic, `the topic ${name} is known`);
  return topic;
}

function note<T>(topic: Topic<T>): Topic<T> {
  topics.set(topic.name, topic as unknown as Topic<unknown>);
  return topic;
}

async function connect(): Promise<Messaging> {
  const connected = connectedSides();
  sides.push(connected);
  await serveBus(connected.far, bus, topicNamed);
  const messaging = new PortMessaging(connected.near, silentLogger);
  return {
    ensureTopic: (topic) => messaging.ensureTopic(note(topic)),
    producer: async () => {
      const producer = await messaging.producer();
      return { ...producer, send: (topic, message, options) => producer.send(note(topic), message, options) };
    },
    consume: (options) => {
      note(options.topic);
      return messaging.consume(options);
    },
    isHealthy: () => messaging.isHealthy(),
    health: () => messaging.health(),
    close: () => messaging.close(),
  };
}

messagingSuite(
  { name: 'over a port', encodes: false },
  () => Promise.resolve({ connect, quietMs: 20 }),
  async () => {
    await bus.close();
    for (const each of sides.splice(0)) each.close();
  },
);

describe('the bus over a port', () => {
  it('makes a volatile message durable when it is told to keep it', async () => {
    const kept: unknown[] = [];
    const volatile: unknown[] = [];
    const connected = connectedSides();
    const topic = note<{ n: number }>({ name: 'kept', encode: String, decode: () => ({ n: 0 }), settings: {} });
    const recording: Messaging = {
      ensureTopic: () => Promise.resolve(),
      producer: () =>
        Promise.resolve({
          send: async (_, message, options) => {
            if (options?.volatile === true) volatile.push(message);
          },
          keep: async (_, message) => void kept.push(message),
          close: () => Promise.resolve(),
        }),
      consume: () => Promise.reject(new Error('unused')),
      isHealthy: () => true,
      health: () => bus.health(),
      close: () => Promise.resolve(),
    };
    await serveBus(connected.far, recording, topicNamed);
    const producer = await new PortMessaging(connected.near, silentLogger).producer();
    const [first, second, durable] = [{ n: 1 }, { n: 2 }, { n: 3 }];
    await producer.send(topic, first, { volatile: true });
    await producer.send(topic, second, { volatile: true });
    await producer.send(topic, durable);
    for (const message of [second, durable, { n: 4 }]) await producer.keep?.(topic, message);
    // The bus gets the very message that it was sent.
    assert.deepEqual(kept, [{ n: 2 }]);
    assert.equal(kept[0], volatile[1]);
    connected.close();
  });

  it('leaves the messages of a thread that has ended to the next process', async () => {
    const handled: unknown[] = [];
    const connected = connectedSides();
    const topic = note<number>({ name: 'left', encode: String, decode: Number, settings: {} });
    const recording: Messaging = {
      ensureTopic: () => Promise.resolve(),
      producer: () => Promise.resolve({ send: () => Promise.resolve(), close: () => Promise.resolve() }),
      consume: async (options) => {
        handled.push(options.handle(1 as never, { sentAt: 0, redelivered: false }));
        return { close: () => Promise.resolve() };
      },
      isHealthy: () => true,
      health: () => bus.health(),
      close: () => Promise.resolve(),
    };
    await serveBus(connected.far, recording, topicNamed);
    let began = (): void => {};
    const beginning = new Promise<void>((resolve) => (began = resolve));
    const messaging = new PortMessaging(connected.near, silentLogger);
    const handle = (): Promise<void> => {
      began();
      return new Promise(() => {});
    };
    await messaging.consume({ topic, group: 'g', maxInFlight: 1, handle });
    await beginning;
    connected.far.close('the thread ended');
    assert.deepEqual(await Promise.all(handled), ['left']);
    connected.close();
  });
});
