import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { startCacheInvalidation, type CacheInvalidation } from '../../../controller/cacheInvalidation.js';
import { silentLogger } from '../../../shared/logging/Logger.js';
import { EmbeddedMessaging } from '../../../shared/messaging/embedded/EmbeddedMessaging.js';
import type { ConsumerOptions, Messaging } from '../../../shared/messaging/Messaging.js';
import { topics } from '../../../shared/messaging/topics.js';

const topic = topics().cacheInvalidation;

/** A bus whose messages one controller gets late. */
class LateBus {
  #gate: Promise<void> = Promise.resolve();
  #open = (): void => {};

  hold(): void {
    this.#gate = new Promise((resolve) => (this.#open = resolve));
  }

  release(): void {
    this.#open();
  }

  of(messaging: Messaging): Messaging {
    const consume = <T>(options: ConsumerOptions<T>) =>
      messaging.consume({
        ...options,
        handle: async (message: T, delivery) => {
          await this.#gate;
          return options.handle(message, delivery);
        },
      });
    return {
      consume,
      ensureTopic: (wanted) => messaging.ensureTopic(wanted),
      producer: () => messaging.producer(),
      isHealthy: () => messaging.isHealthy(),
      health: () => messaging.health(),
      close: () => messaging.close(),
    };
  }
}

describe('the invalidation of the caches of other controllers', () => {
  let messaging: EmbeddedMessaging;
  let late: LateBus;
  let changed: string[];
  let first: CacheInvalidation;
  let second: CacheInvalidation;

  const start = (instance: number, confirmMs: number, bus: Messaging = messaging): Promise<CacheInvalidation> =>
    startCacheInvalidation({
      messaging: bus,
      topic,
      controller: { instanceType: 'controller', asString: String(instance) },
      log: silentLogger,
      confirmMs,
    });
  const settled = async (): Promise<void> => {
    for (let i = 0; i < 20; i++) await turn();
  };
  /** Resolves to whether a change is answered although the second controller does not get it. */
  const answersWithoutIt = async (announced: Promise<void>): Promise<boolean> => {
    let answered = false;
    void announced.then(() => (answered = true));
    await settled();
    return answered;
  };
  const begin = async (confirmMs: number): Promise<void> => {
    first = await start(0, confirmMs);
    second = await start(1, confirmMs, late.of(messaging));
    second.onChange((id) => changed.push(id));
    await settled();
  };

  beforeEach(() => {
    messaging = new EmbeddedMessaging();
    late = new LateBus();
    changed = [];
  });
  afterEach(async () => {
    late.release();
    await Promise.all([first.close(), second.close()]);
    await messaging.close();
  });

  it('has taken place when a change is answered', async () => {
    await begin(60_000);
    late.hold();
    const announced = [first.announce('guest/a'), first.announce('guest/b')];
    assert.equal(await answersWithoutIt(Promise.race(announced)), false);
    assert.deepEqual(changed, []);
    late.release();
    await Promise.all(announced);
    assert.deepEqual(changed, ['guest/a', 'guest/b']);
  });

  it('takes place for a controller that started before, and for one that started later', async () => {
    await begin(60_000);
    late.hold();
    const third = await start(2, 60_000);
    await settled();
    const byThird = third.announce('guest/c');
    assert.equal(await answersWithoutIt(first.announce('guest/a')), false);
    late.release();
    await byThird;
    await third.close();
    assert.deepEqual(changed.toSorted(), ['guest/a', 'guest/c']);
  });

  it('is waited for only so long, and not again until the controller has answered', async () => {
    await begin(20);
    late.hold();
    await first.announce('guest/a');
    assert.equal(await answersWithoutIt(first.announce('guest/b')), true);
    late.release();
    await settled();
    assert.deepEqual(changed, ['guest/a', 'guest/b']);
    await first.announce('guest/c');
    assert.deepEqual(changed, ['guest/a', 'guest/b', 'guest/c']);
  });

  it('is not waited for if the other controller has ended, or never answers', async () => {
    await begin(60_000);
    await second.close();
    await settled();
    const producer = await messaging.producer();
    // As Apache OpenWhisk's controllers write it.
    await producer.send(topic, { instanceId: 'controller7', key: { mainId: 'guest/x' } });
    await settled();
    assert.equal(await answersWithoutIt(first.announce('guest/a')), true);
  });

  it('does not begin with answers to an earlier run', async () => {
    await begin(60_000);
    await first.announce('guest/old');
    await first.close();
    first = await start(0, 60_000);
    await settled();
    late.hold();
    assert.equal(await answersWithoutIt(first.announce('guest/new')), false);
  });
});
