import assert from 'node:assert/strict';
import { ColorSharing, type ColorUpdate } from '../../../../controller/loadbalancer/ColorSharing.js';
import { silentLogger } from '../../../../shared/logging/Logger.js';
import { EmbeddedMessaging } from '../../../../shared/messaging/embedded/EmbeddedMessaging.js';
import type { BusState, Consumer, Messaging, Producer } from '../../../../shared/messaging/Messaging.js';
import { topics } from '../../../../shared/messaging/topics.js';
import { settle } from './installation.js';

const update = (key: string, value: number): ColorUpdate => ({
  kind: 'update',
  pool: 'managed',
  policy: 'least-assigned',
  key,
  value,
});

/** A bus that refuses what it is told to, and counts the consumers that are open. */
class Unreliable implements Messaging {
  readonly bus = new EmbeddedMessaging();
  consumers = 0;
  failingSends = 0;
  failingConsumes = 0;
  /** Deliveries wait for this. */
  delivers: Promise<void> = Promise.resolve();

  ensureTopic: Messaging['ensureTopic'] = (topic) => this.bus.ensureTopic(topic);
  isHealthy = (): boolean => true;
  health = (): BusState => this.bus.health();
  close = (): Promise<void> => this.bus.close();

  consume: Messaging['consume'] = async (options) => {
    if (this.failingConsumes-- > 0) throw new Error('no consumer');
    const consumer = await this.bus.consume({
      ...options,
      handle: async (message, delivery) => {
        await this.delivers;
        return options.handle(message, delivery);
      },
    });
    this.consumers++;
    const close = async (): Promise<void> => {
      this.consumers--;
      await consumer.close();
    };
    return { ...consumer, close } satisfies Consumer;
  };

  async producer(): Promise<Producer> {
    const producer = await this.bus.producer();
    return {
      send: async (topic, message, options) => {
        if (this.failingSends-- > 0) throw new Error('no send');
        await producer.send(topic, message, options);
      },
      close: () => producer.close(),
    };
  }
}

function setUp(
  messaging: Messaging,
  self: string,
  heard: ColorUpdate[] = [],
  holds: (update: ColorUpdate) => boolean = () => true,
) {
  return new ColorSharing({
    messaging,
    topic: topics().colors,
    logger: silentLogger,
    self,
    onUpdate: (one) => void heard.push(one),
    holds,
    now: () => 0,
    delaysMs: [1],
  });
}

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
};

describe('the sharing of colors', () => {
  for (const fault of ['failingSends', 'failingConsumes'] as const) {
    it(`goes on after ${fault}: it tries again, and leaves no consumer behind`, async () => {
      const messaging = new Unreliable();
      messaging[fault] = 3;
      const heard: ColorUpdate[] = [];
      const other = setUp(messaging.bus, '1', heard);
      await other.start();
      const sharing = setUp(messaging, '0');
      await sharing.start();
      sharing.tell(update('a', 1));
      await until(() => sharing.isSharing);
      await settle();
      assert.deepEqual(heard, [update('a', 1)], 'what was told meanwhile has arrived');
      assert.equal(messaging.consumers, 1);
      await sharing.close();
      assert.equal(messaging.consumers, 0);
      await other.close();
    });
  }

  it('sends a refused update later, if it still holds', async () => {
    const messaging = new Unreliable();
    const heard: ColorUpdate[] = [];
    const other = setUp(messaging.bus, '1', heard);
    await other.start();
    const sharing = setUp(messaging, '0', [], ({ key }) => key !== 'overtaken');
    await sharing.start();
    messaging.failingSends = 2;
    sharing.tell(update('a', 1));
    sharing.tell(update('overtaken', 1));
    await settle();
    sharing.tell(update('b', 2));
    await settle();
    assert.deepEqual(heard.map(({ key }) => key).toSorted(), ['a', 'b']);
    await sharing.close();
    await other.close();
  });

  it('waits for a bus that delivers nothing until its limit only, and applies the other colors when they come', async () => {
    const messaging = new Unreliable();
    const other = setUp(messaging.bus, '1');
    await other.start();
    other.tell(update('a', 1));
    await settle();
    let deliver = (): void => undefined;
    messaging.delivers = new Promise((resolve) => (deliver = resolve));
    const warnings: string[] = [];
    const heard: ColorUpdate[] = [];
    const sharing = new ColorSharing({
      messaging,
      topic: topics().colors,
      logger: { ...silentLogger, warn: (message) => void warnings.push(message) },
      self: '0',
      onUpdate: (one) => void heard.push(one),
      holds: () => true,
      now: () => 0,
      replayMs: 20,
    });
    await sharing.start();
    assert.deepEqual(warnings, ['did not read all color assignments within 20 ms; the rest follows']);
    assert.equal(sharing.isSharing, true);
    assert.deepEqual(heard, []);
    deliver();
    await until(() => heard.length > 0);
    assert.deepEqual(heard, [update('a', 1)]);
    await sharing.close();
    await other.close();
  });

  it('stops trying when it is closed', async () => {
    const messaging = new Unreliable();
    messaging.failingSends = Infinity;
    const sharing = setUp(messaging, '0');
    await sharing.start();
    await sharing.close();
    assert.equal(messaging.consumers, 0);
    assert.equal(sharing.isSharing, false);
  });
});
