import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  MessageTooLargeError,
  type Consumer,
  type Delivery,
  type Messaging,
  type Producer,
} from '../../shared/messaging/Messaging.js';
import type { Topic } from '../../shared/messaging/Messaging.js';

/** What a suite needs of the implementation under test. */
export interface MessagingUnderTest {
  /** A new connection to the same bus: another process, as far as the bus can tell. */
  connect(): Promise<Messaging>;
  /** How long to wait for a message that should not come, in ms. */
  readonly quietMs: number;
  /** Resolves once a group has so many members, and its partitions are shared out among them. Missing: that takes no time. */
  settled?(group: string, members: number): Promise<void>;
}

interface Note {
  n: number;
  text?: string | undefined;
}

let serial = 0;

/** What the names of the suite's topics and groups begin with in this process. */
export const TOPICS = `notes-${process.pid}-${Date.now()}-`;

/** A topic that no other test uses. */
function noteTopic(settings: Record<string, string> = {}): Topic<Note> {
  return {
    name: `${TOPICS}${serial++}`,
    encode: (note) => JSON.stringify(note),
    decode: (text) => {
      const value: unknown = JSON.parse(text);
      if (typeof value !== 'object' || value === null || !('n' in value)) throw new TypeError('not a note');
      return value as Note;
    },
    settings,
  };
}

function compactedTopic(): Topic<Note> {
  return { ...noteTopic({ 'cleanup.policy': 'compact' }), key: (note) => String(note.n) };
}

/** The behaviour of the bus, whatever implements it. */
export function messagingSuite(
  /** `encodes`: messages leave the process, so that codecs and sizes matter. `missing`: why it cannot be tested here. */
  { name, encodes, missing }: { name: string; encodes: boolean; missing?: string | undefined },
  start: () => Promise<MessagingUnderTest>,
  stop: () => Promise<void>,
): void {
  describe(`messaging: ${name}`, () => {
    let bus: MessagingUnderTest;
    const open: Messaging[] = [];

    before(async function () {
      if (missing !== undefined) {
        console.log(`    skipped: ${missing}`);
        this.skip();
      }
      bus = await start();
    });
    afterEach(async () => {
      await Promise.all(open.splice(0).map((messaging) => messaging.close()));
    });
    after(async function () {
      await stop();
    });

    async function connect(): Promise<Messaging> {
      const messaging = await bus.connect();
      open.push(messaging);
      return messaging;
    }

    it('delivers messages in order', async () => {
      const messaging = await connect();
      const topic = noteTopic();
      await messaging.ensureTopic(topic);
      const { got, deliveries } = await listen(messaging, topic);
      const producer = await messaging.producer();
      const before = Date.now();
      await Promise.all(numbers(50).map((n) => producer.send(topic, { n })));
      await until(() => got.length >= 50);
      assert.deepEqual(
        got.map((note) => note.n),
        numbers(50),
      );
      for (const delivery of deliveries) {
        assert.equal(delivery.redelivered, false);
        assert.ok(delivery.sentAt >= before - 1 && delivery.sentAt <= Date.now() + 1, `sentAt ${delivery.sentAt}`);
      }
    });

    it('makes a topic that exists already without complaint, also at the same time', async () => {
      const [a, b] = await Promise.all([connect(), connect()]);
      const topic = noteTopic({ 'retention.ms': '3600000' });
      await Promise.all([a.ensureTopic(topic), b.ensureTopic(topic), a.ensureTopic(topic)]);
      await a.ensureTopic(topic);
    });

    it('keeps messages for the first group that were sent before it existed', async () => {
      const messaging = await connect();
      const topic = noteTopic();
      await messaging.ensureTopic(topic);
      const producer = await messaging.producer();
      for (const n of numbers(5)) await producer.send(topic, { n });
      const { got } = await listen(messaging, topic);
      await until(() => got.length >= 5);
      assert.deepEqual(
        got.map((note) => note.n),
        numbers(5),
      );
    });

    it('gives a group that asks for the latest only later messages', async () => {
      const messaging = await connect();
      const topic = noteTopic();
      await messaging.ensureTopic(topic);
      const producer = await messaging.producer();
      await producer.send(topic, { n: 1 });
      const { got } = await listen(messaging, topic, { from: 'latest' });
      await producer.send(topic, { n: 2 });
      await until(() => got.length >= 1);
      await sleep(bus.quietMs);
      assert.deepEqual(got, [{ n: 2 }]);
    });

    it('gives every group all messages, and each message to one consumer of a group', async () => {
      const [a, b] = await Promise.all([connect(), connect()]);
      const topic = noteTopic();
      await a.ensureTopic(topic);
      const [one, other, alone] = await Promise.all([
        listen(a, topic, { group: `${topic.name}-shared` }),
        listen(b, topic, { group: `${topic.name}-shared` }),
        listen(b, topic, { group: `${topic.name}-alone` }),
      ]);
      const producer = await a.producer();
      // Kafka gives a message to one member only while the group does not change.
      if (bus.settled) {
        await bus.settled(`${topic.name}-shared`, 2);
        await tried(producer, topic, [one.got, other.got]);
      }
      const real = (...lists: Note[][]): number[] =>
        lists.flatMap((notes) => notes.map(({ n }) => n)).filter((n) => n >= 0);
      for (const n of numbers(20)) await producer.send(topic, { n });
      await until(() => real(alone.got).length >= 20 && real(one.got, other.got).length >= 20);
      await sleep(bus.quietMs);
      assert.deepEqual(
        real(one.got, other.got).toSorted((x, y) => x - y),
        numbers(20),
      );
      assert.deepEqual(real(alone.got), numbers(20));
    });

    it('has no more messages with the handler than asked for, and goes on as they are done', async () => {
      const messaging = await connect();
      const topic = noteTopic();
      await messaging.ensureTopic(topic);
      const pending: { n: number; done: () => void }[] = [];
      let most = 0;
      let inFlight = 0;
      let handled = 0;
      await messaging.consume<Note>({
        topic,
        group: `${topic.name}-group`,
        maxInFlight: 3,
        handle: async ({ n }) => {
          inFlight++;
          most = Math.max(most, inFlight);
          await new Promise<void>((done) => pending.push({ n, done }));
          inFlight--;
          handled++;
        },
      });
      const producer = await messaging.producer();
      await Promise.all(numbers(10).map((n) => producer.send(topic, { n })));
      await until(() => pending.length >= 3);
      await sleep(bus.quietMs);
      assert.equal(pending.length, 3);
      // Done out of order: a slow one does not hold up those behind it.
      const [slow, ...quick] = pending.splice(0);
      quick.forEach(({ done }) => done());
      await until(() => pending.length >= 2);
      await until(() => {
        pending.splice(0).forEach(({ done }) => done());
        return handled === 9;
      });
      slow?.done();
      await until(() => handled === 10);
      assert.equal(most, 3);
    });

    it('resumes when a full handler has room again', async () => {
      const messaging = await connect();
      const topic = noteTopic();
      await messaging.ensureTopic(topic);
      let release: (() => void) | undefined;
      const got: number[] = [];
      await messaging.consume<Note>({
        topic,
        group: `${topic.name}-group`,
        maxInFlight: 1,
        handle: ({ n }) => {
          got.push(n);
          return new Promise<void>((resolve) => (release = resolve));
        },
      });
      const producer = await messaging.producer();
      await producer.send(topic, { n: 0 });
      await until(() => got.length === 1);
      await producer.send(topic, { n: 1 });
      await sleep(300);
      assert.deepEqual(got, [0]);
      release?.();
      await until(() => got.length === 2);
      release?.();
    });

    it('continues after a handler that throws or rejects', async () => {
      const messaging = await connect();
      const topic = noteTopic();
      await messaging.ensureTopic(topic);
      const got: number[] = [];
      await messaging.consume<Note>({
        topic,
        group: `${topic.name}-group`,
        maxInFlight: 1,
        handle: ({ n }) => {
          got.push(n);
          if (n === 0) throw new Error('at once');
          return n === 1 ? Promise.reject(new Error('later')) : undefined;
        },
      });
      const producer = await messaging.producer();
      for (const n of numbers(4)) await producer.send(topic, { n });
      await until(() => got.length >= 4);
      assert.deepEqual(got, numbers(4));
    });

    it('never calls a handler from inside send, also when the handler sends', async () => {
      const messaging = await connect();
      const topic = noteTopic();
      await messaging.ensureTopic(topic);
      const producer = await messaging.producer();
      let sending = false;
      let nested = 0;
      const got: number[] = [];
      const send = (n: number): Promise<void> => {
        sending = true;
        const sent = producer.send(topic, { n });
        sending = false;
        return sent;
      };
      await messaging.consume<Note>({
        topic,
        group: `${topic.name}-group`,
        maxInFlight: 10,
        handle: async ({ n }) => {
          if (sending) nested++;
          got.push(n);
          if (n < 5) await send(n + 1);
        },
      });
      await send(0);
      await until(() => got.length >= 6);
      assert.deepEqual(got, numbers(6));
      assert.equal(nested, 0);
    });

    it('finishes the messages in flight when a consumer closes, and gives it no more', async () => {
      const messaging = await connect();
      const topic = noteTopic();
      await messaging.ensureTopic(topic);
      const producer = await messaging.producer();
      const started: number[] = [];
      const finished: number[] = [];
      let finish: (() => void) | undefined;
      const consumer = await messaging.consume<Note>({
        topic,
        group: `${topic.name}-group`,
        maxInFlight: 1,
        handle: async ({ n }) => {
          started.push(n);
          await new Promise<void>((resolve) => (finish = resolve));
          finished.push(n);
        },
      });
      await producer.send(topic, { n: 0 });
      await producer.send(topic, { n: 1 });
      await until(() => started.length === 1);
      let closed = false;
      const closing = consumer.close().then(() => (closed = true));
      await sleep(bus.quietMs);
      assert.equal(closed, false);
      finish?.();
      await closing;
      assert.deepEqual(finished, [0]);
      assert.deepEqual(started, [0]);

      // The next consumer of the group takes up where it stopped: nothing lost, nothing twice.
      const { got } = await listen(messaging, topic);
      await until(() => got.length >= 1);
      await sleep(bus.quietMs);
      assert.deepEqual(got, [{ n: 1 }]);
    });

    it('gives a returning group the messages that were sent meanwhile', async () => {
      const messaging = await connect();
      const topic = noteTopic();
      await messaging.ensureTopic(topic);
      const producer = await messaging.producer();
      const first = await listen(messaging, topic);
      await producer.send(topic, { n: 0 });
      await until(() => first.got.length === 1);
      await first.consumer.close();
      await producer.send(topic, { n: 1 });
      const second = await listen(messaging, topic, { from: 'latest' });
      await producer.send(topic, { n: 2 });
      await until(() => second.got.length >= 2);
      assert.deepEqual(second.got, [{ n: 1 }, { n: 2 }]);
    });

    it('gives a late reader of a compacted topic the last message of every key', async () => {
      const messaging = await connect();
      const topic = compactedTopic();
      await messaging.ensureTopic(topic);
      const producer = await messaging.producer();
      const early = await listen(messaging, topic, { group: `${topic.name}-early` });
      for (const [n, text] of [
        [1, 'old'],
        [2, 'two'],
        [1, 'new'],
      ] as const) {
        await producer.send(topic, { n, text });
      }
      await until(() => early.got.length >= 3);
      const late = await listen(messaging, topic, { group: `${topic.name}-late` });
      const last = (): [number, string | undefined][] => [...new Map(late.got.map((note) => [note.n, note.text]))];
      await until(() => last().length >= 2 && late.got.at(-1)?.text === 'new');
      assert.deepEqual(
        new Map(last()),
        new Map<number, string>([
          [1, 'new'],
          [2, 'two'],
        ]),
      );
    });

    if (encodes) {
      it('passes a message as large as the topic takes and refuses a larger one', async () => {
        const messaging = await connect();
        const limit = 1_054_644;
        const topic = noteTopic({ 'max.message.bytes': String(limit) });
        await messaging.ensureTopic(topic);
        const { got } = await listen(messaging, topic);
        const producer = await messaging.producer();
        const text = 'é'.repeat(524_288);
        await producer.send(topic, { n: 1, text });
        await assert.rejects(producer.send(topic, { n: 2, text: text + 'x'.repeat(6100) }), (error: unknown) => {
          assert.ok(error instanceof MessageTooLargeError);
          assert.equal(error.limit, limit);
          assert.ok(error.bytes > limit);
          return true;
        });
        await producer.send(topic, { n: 3 });
        await until(() => got.length >= 2);
        assert.deepEqual(
          got.map((note) => note.n),
          [1, 3],
        );
        assert.equal(got[0]?.text, text);
      });

      it('skips messages that do not decode', async () => {
        const messaging = await connect();
        const topic = noteTopic();
        await messaging.ensureTopic(topic);
        const { got } = await listen(messaging, topic);
        const producer = await messaging.producer();
        const garbled: Topic<Note> = { ...topic, encode: ({ n }) => (n === 1 ? '{' : '"no note"') };
        await producer.send(garbled, { n: 1 });
        await producer.send(garbled, { n: 2 });
        await producer.send(topic, { n: 3 });
        await until(() => got.length >= 1);
        assert.deepEqual(got, [{ n: 3 }]);
      });
    }

    it('delivers a lone message without waiting for more of them', async () => {
      const messaging = await connect();
      const topic = noteTopic();
      await messaging.ensureTopic(topic);
      const { got } = await listen(messaging, topic);
      const producer = await messaging.producer();
      const times: number[] = [];
      for (const n of numbers(30)) {
        const sent = performance.now();
        await producer.send(topic, { n });
        await until(() => got.length > n);
        times.push(performance.now() - sent);
        await sleep(5);
      }
      const median = times.toSorted((a, b) => a - b)[15] as number;
      // A fetch that waits for more messages waits for seconds. The bench measures how soon a message arrives.
      assert.ok(median < 500, `median ${median} ms`);
    });

    it('says that it is healthy while the bus answers, and sends nothing once closed', async () => {
      const messaging = await bus.connect();
      const topic = noteTopic();
      await messaging.ensureTopic(topic);
      const producer = await messaging.producer();
      await producer.send(topic, { n: 1 });
      assert.equal(messaging.isHealthy(), true);
      await messaging.close();
      assert.equal(messaging.isHealthy(), false);
      await assert.rejects(producer.send(topic, { n: 2 }));
      await messaging.close();
    });
  });
}

/** Collects what a group is given. */
async function listen(
  messaging: Messaging,
  topic: Topic<Note>,
  options: { group?: string; from?: 'earliest' | 'latest'; maxInFlight?: number } = {},
): Promise<{ got: Note[]; deliveries: Delivery[]; consumer: Consumer }> {
  const got: Note[] = [];
  const deliveries: Delivery[] = [];
  const consumer = await messaging.consume<Note>({
    topic,
    group: options.group ?? `${topic.name}-group`,
    from: options.from ?? 'earliest',
    maxInFlight: options.maxInFlight ?? 100,
    handle: (note, delivery) => {
      got.push(note);
      deliveries.push(delivery);
    },
  });
  return { got, deliveries, consumer };
}

/**
 * Sends messages with negative numbers, one after the other, until two in a row came once and to the same member of a group. A
 * member that has lost its partition to another may still wait for the answer to its last fetch: such a message ends it.
 */
async function tried(producer: Producer, topic: Topic<Note>, members: readonly Note[][]): Promise<void> {
  const receivers = (n: number): Note[][] =>
    members.flatMap((got) => got.filter((note) => note.n === n).map(() => got));
  for (let n = -1; ; n--) {
    await producer.send(topic, { n });
    await until(() => receivers(n).length > 0);
    const [last, before] = [receivers(n), receivers(n + 1)];
    if (n < -1 && last.length === 1 && before.length === 1 && last[0] === before[0]) return;
    if (n < -100) assert.fail('the group does not settle: its members get messages twice');
  }
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Waits until `condition` holds. */
export async function until(condition: () => boolean, timeoutMs = 120_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!condition()) {
    if (Date.now() > end) assert.fail(`not within ${timeoutMs} ms: ${condition.toString()}`);
    await sleep(1);
  }
}
