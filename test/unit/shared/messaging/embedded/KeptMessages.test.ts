import assert from 'node:assert/strict';
import { silentLogger } from '../../../../../shared/logging/Logger.js';
import { EmbeddedMessaging } from '../../../../../shared/messaging/embedded/EmbeddedMessaging.js';
import { KeptMessages } from '../../../../../shared/messaging/embedded/KeptMessages.js';
import { BusUnavailableError, type Delivery, type Topic } from '../../../../../shared/messaging/Messaging.js';
import { StoreUnavailableError } from '../../../../../shared/store/ArtifactStore.js';
import type { KeptEntries } from '../../../../../shared/store/KeptEntries.js';
import { openTemporaryStores, type EmbeddedStores } from '../../../../../shared/store/embedded/open.js';

interface Message {
  readonly n: number;
}
const topic = (name: string): Topic<Message> => ({
  name,
  encode: (message) => JSON.stringify(message),
  decode: (text) => {
    const parsed = JSON.parse(text) as Message;
    if (typeof parsed.n !== 'number') throw new TypeError('no number');
    return parsed;
  },
  settings: {},
});
const INVOKER = topic('invoker0');

describe('messages that outlive the process', () => {
  let stores: EmbeddedStores;
  beforeEach(async () => {
    stores = await openTemporaryStores();
  });
  afterEach(() => stores.close());

  const kept = (entries: KeptEntries = stores.messages): KeptMessages =>
    new KeptMessages({ entries, keeps: (name) => name.startsWith('invoker'), log: silentLogger });
  /** A bus as each process has one. */
  const open = (entries?: KeptEntries): EmbeddedMessaging =>
    new EmbeddedMessaging({ kept: kept(entries), now: () => 7000 });

  async function consume(bus: EmbeddedMessaging, until: number, on: Topic<Message> = INVOKER) {
    const got: { n: number; delivery: Delivery; done: () => void }[] = [];
    await new Promise<void>((resolve) => {
      void bus.consume({
        topic: on,
        group: on.name,
        maxInFlight: 100,
        handle: ({ n }, delivery) =>
          new Promise<void>((done) => {
            got.push({ n, delivery, done });
            if (got.length === until) resolve();
          }),
      });
      if (until === 0) setImmediate(resolve);
    });
    return got;
  }
  /** After what a handler's end causes. */
  const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

  it('are delivered again, in their order and marked, unless they were handled', async () => {
    const first = open();
    const producer = await first.producer();
    for (const n of [1, 2, 3, 4]) await producer.send(INVOKER, { n });
    const got = await consume(first, 4);
    assert.ok(got.every(({ delivery }) => !delivery.redelivered));
    got[1]?.done();
    await turn();

    const again = await consume(open(), 3);
    assert.deepEqual(
      again.map(({ n }) => n),
      [1, 3, 4],
    );
    assert.deepEqual(again[0]?.delivery, { sentAt: 7000, redelivered: true });
    for (const { done } of again) done();
    await turn();
    assert.deepEqual(stores.messages.list(), []);
  });

  it('are kept before send resolves and before they are delivered', async () => {
    const bus = open();
    const delivered = consume(bus, 1);
    await (await bus.producer()).send(INVOKER, { n: 1 });
    assert.equal(stores.messages.list().length, 1);
    await delivered;
  });

  it('are named while they are being written, the oldest first', async () => {
    const ends: { resolve: () => void; reject: (error: Error) => void }[] = [];
    const slow: KeptEntries = {
      put: () => new Promise((resolve, reject) => ends.push({ resolve, reject })),
      remove: () => {},
      keys: () => [],
      list: () => [],
    };
    const messages = kept(slow);
    const item = { message: undefined, delivery: { sentAt: 7000, redelivered: false } };
    assert.equal(messages.writing(), undefined);
    const first = messages.put(INVOKER, { n: 1 }, { ...item });
    const oldest = messages.writing();
    const second = messages.put(INVOKER, { n: 2 }, { ...item });
    assert.ok(oldest);
    assert.equal(messages.writing(), oldest);
    ends[0]?.reject(new StoreUnavailableError('no space left'));
    await assert.rejects(first, BusUnavailableError);
    assert.notEqual(messages.writing(), oldest);
    assert.ok(messages.writing());
    ends[1]?.resolve();
    await second;
    assert.equal(messages.writing(), undefined);
  });

  it('do not contain volatile messages until `keep` is called', async () => {
    const bus = open();
    const producer = await bus.producer();
    const messages = [1, 2, 3].map((n) => ({ n }));
    for (const message of messages) await producer.send(INVOKER, message, { volatile: true });
    assert.deepEqual(stores.messages.list(), []);
    const got = await consume(bus, 3);
    got[2]?.done();
    await turn();
    const [, second, third] = messages as [Message, Message, Message];
    await producer.keep?.(INVOKER, second);
    await producer.keep?.(INVOKER, third);
    const again = await consume(open(), 1);
    assert.equal(again[0]?.n, 2);
    got[1]?.done();
    await turn();
    assert.deepEqual(stores.messages.list(), []);
  });

  it('are not of other topics', async () => {
    const bus = open();
    await (await bus.producer()).send(topic('completed0'), { n: 1 });
    assert.deepEqual(stores.messages.list(), []);
  });

  it('are refused, and not delivered, if they cannot be kept', async () => {
    const full: KeptEntries = {
      put: () => Promise.reject(new StoreUnavailableError('no space left')),
      remove: () => {},
      keys: () => [],
      list: () => [],
    };
    const bus = open(full);
    const got = await consume(bus, 0);
    await assert.rejects((await bus.producer()).send(INVOKER, { n: 1 }), BusUnavailableError);
    await turn();
    assert.deepEqual(got, []);
  });

  it('are refused if too many wait, while accepted ones stay', async () => {
    const bus = new EmbeddedMessaging({ kept: kept(), maxWaiting: 2 });
    await bus.consume({ topic: INVOKER, group: 'invoker0', maxInFlight: 1, handle: () => new Promise(() => {}) });
    const producer = await bus.producer();
    for (const n of [1, 2, 3]) {
      await producer.send(INVOKER, { n });
      await turn();
    }
    await assert.rejects(producer.send(INVOKER, { n: 4 }), BusUnavailableError);
    assert.equal(stores.messages.list().length, 3);
  });

  it('are refused if too many are sent at the same time, and displace no others', async () => {
    const bus = new EmbeddedMessaging({ kept: kept(), maxWaiting: 2 });
    const producer = await bus.producer();
    await bus.consume({ topic: INVOKER, group: 'invoker0', maxInFlight: 0, handle: () => {} });
    const sends = await Promise.allSettled([1, 2, 3].map((n) => producer.send(INVOKER, { n })));
    assert.deepEqual(
      sends.map(({ status }) => status),
      ['fulfilled', 'fulfilled', 'rejected'],
    );
    assert.equal(stores.messages.list().length, 2);
  });

  it('leave room if they could not be kept', async () => {
    const put = stores.messages.put.bind(stores.messages);
    let full = true;
    const entries: KeptEntries = {
      ...stores.messages,
      put: (key, value) => (full ? Promise.reject(new StoreUnavailableError('no space left')) : put(key, value)),
    };
    const bus = new EmbeddedMessaging({ kept: kept(entries), maxWaiting: 1 });
    const producer = await bus.producer();
    const got = consume(bus, 1);
    await assert.rejects(producer.send(INVOKER, { n: 1 }), BusUnavailableError);
    full = false;
    await producer.send(INVOKER, { n: 2 });
    assert.equal((await got)[0]?.n, 2);
  });

  it('go to another topic if their topic has no consumer any more', async () => {
    const producer = await open().producer();
    for (const n of [1, 2]) await producer.send(topic('invoker1'), { n });
    const next = kept();
    assert.deepEqual(next.topics(), ['invoker1']);
    await next.move('invoker1', 'invoker0');
    const got = await consume(open(), 2);
    assert.deepEqual(
      got.map(({ n }) => n),
      [1, 2],
    );
  });

  it('are dropped if they cannot be read', async () => {
    const producer = await open().producer();
    await producer.send(INVOKER, {} as Message);
    await producer.send(INVOKER, { n: 2 });
    const got = await consume(open(), 1);
    assert.equal(got[0]?.n, 2);
    await turn();
    assert.equal(stores.messages.list().length, 1);
  });
});
