import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import type { Consumer, Messaging, Topic } from '../../../../../shared/messaging/Messaging.js';
import { EmbeddedMessaging } from '../../../../../shared/messaging/embedded/EmbeddedMessaging.js';
import { messagingSuite } from '../../../../suites/messaging.js';

const shared = new EmbeddedMessaging();

/** A process of its own on the shared bus: closing it closes only what was made through it. */
function connection(bus: Messaging): Messaging {
  const consumers: Consumer[] = [];
  let closed = false;
  return {
    ensureTopic: (topic) => bus.ensureTopic(topic),
    producer: async () => {
      const producer = await bus.producer();
      return {
        ...producer,
        send: (topic, message) =>
          closed ? Promise.reject(new Error('the connection is closed')) : producer.send(topic, message),
      };
    },
    consume: async (options) => {
      const consumer = await bus.consume(options);
      consumers.push(consumer);
      return consumer;
    },
    isHealthy: () => !closed,
    health: () => shared.health(),
    close: async () => {
      closed = true;
      await Promise.all(consumers.map((consumer) => consumer.close()));
    },
  };
}

messagingSuite(
  { name: 'embedded', encodes: false },
  () => Promise.resolve({ connect: () => Promise.resolve(connection(shared)), quietMs: 5 }),
  () => shared.close(),
);

describe('EmbeddedMessaging', () => {
  const topic: Topic<{ n: number }> = {
    name: 'numbers',
    encode: () => assert.fail('nothing is encoded'),
    decode: () => assert.fail('nothing is decoded'),
    settings: {},
  };

  it('passes the object itself', async () => {
    const bus = new EmbeddedMessaging();
    const got: unknown[] = [];
    await bus.consume({ topic, group: 'g', maxInFlight: 1, handle: (m) => void got.push(m) });
    const message = { n: 1 };
    await (await bus.producer()).send(topic, message);
    await turn();
    assert.equal(got[0], message);
  });

  it('delivers without waiting for a timer or the event loop', async () => {
    const bus = new EmbeddedMessaging();
    const got: number[] = [];
    await bus.consume({ topic, group: 'g', maxInFlight: 1, handle: ({ n }) => void got.push(n) });
    const producer = await bus.producer();
    await producer.send(topic, { n: 1 });
    await Promise.resolve();
    assert.deepEqual(got, [1]);
  });

  it('keeps a bounded backlog of the newest messages before the first consumer', async () => {
    const bus = new EmbeddedMessaging({ maxBacklog: 3 });
    const producer = await bus.producer();
    for (let n = 0; n < 10; n++) await producer.send(topic, { n });
    const got: number[] = [];
    await bus.consume({ topic, group: 'g', maxInFlight: 9, handle: ({ n }) => void got.push(n) });
    await turn();
    assert.deepEqual(got, [7, 8, 9]);
  });

  it('keeps a bounded number for a group that does not come for them', async () => {
    const bus = new EmbeddedMessaging({ maxWaiting: 2 });
    const producer = await bus.producer();
    const consumer = await bus.consume({ topic, group: 'g', maxInFlight: 1, handle: () => undefined });
    await consumer.close();
    for (let n = 0; n < 5; n++) await producer.send(topic, { n });
    const got: number[] = [];
    await bus.consume({ topic, group: 'g', maxInFlight: 1, handle: ({ n }) => void got.push(n) });
    await turn();
    assert.deepEqual(got, [3, 4]);
  });

  it('gives a late reader of a compacted topic one message per key, in the order of the last ones', async () => {
    const bus = new EmbeddedMessaging();
    const keyed: Topic<{ n: number }> = { ...topic, key: ({ n }) => String(n % 2) };
    const producer = await bus.producer();
    for (const n of [1, 2, 3, 5]) await producer.send(keyed, { n });
    const got: number[] = [];
    await bus.consume({ topic: keyed, group: 'late', maxInFlight: 1, handle: ({ n }) => void got.push(n) });
    await turn();
    assert.deepEqual(got, [2, 5]);
  });

  it('lets timers and sockets have their turn during a long backlog', async () => {
    const bus = new EmbeddedMessaging();
    const producer = await bus.producer();
    let handled = 0;
    await bus.consume({ topic, group: 'g', maxInFlight: 1, handle: () => void handled++ });
    for (let n = 0; n < 10_000; n++) void producer.send(topic, { n });
    await turn();
    assert.ok(handled > 0 && handled < 10_000, `handled ${handled}`);
    for (let turns = 0; turns < 100; turns++) await turn();
    assert.equal(handled, 10_000);
  });
});
