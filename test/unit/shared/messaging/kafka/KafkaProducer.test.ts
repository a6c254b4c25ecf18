import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { BusHealth } from '../../../../../shared/messaging/kafka/BusHealth.js';
import {
  KafkaProducer,
  MAX_OUTSTANDING_BYTES,
  SMALL_BYTES,
} from '../../../../../shared/messaging/kafka/KafkaProducer.js';
import { RECORD_OVERHEAD_BYTES } from '../../../../../shared/messaging/kafka/options.js';
import type { Outgoing } from '../../../../../shared/messaging/kafka/library.js';
import { Transports } from '../../../../../shared/messaging/kafka/Transports.js';
import {
  BusFullError,
  BusUnavailableError,
  MessageTooLargeError,
  type Topic,
} from '../../../../../shared/messaging/Messaging.js';
import { until } from '../../../../suites/messaging.js';
import { classify, FakeError, FakeTransport } from './FakeKafka.js';
import { recordingLogger } from './recordingLogger.js';

const topicOf = (name: string, maxBytes = 200 * 1024 * 1024): Topic<string> => ({
  name,
  encode: String,
  decode: String,
  settings: { 'max.message.bytes': String(maxBytes) },
});

/** A producer whose requests do what `work` says. */
function setup(
  work: (messages: string[], transport: number) => Promise<void>,
  deliveryTimeoutMs = 60_000,
  leastDeliveryMs?: number,
) {
  const transports: FakeTransport[] = [];
  const texts = (messages: readonly Outgoing[]): string[] => messages.map(({ value }) => value.toString());
  const open = (): FakeTransport => {
    const number = transports.length;
    const transport = new FakeTransport((_, messages) => work(texts(messages), number));
    transports.push(transport);
    return transport;
  };
  const { log } = recordingLogger();
  const health = new BusHealth(log, 'fake');
  const producer = new KafkaProducer({
    transports: new Transports(open(), () => Promise.resolve(open())),
    classify,
    health,
    deliveryTimeoutMs,
    leastDeliveryMs,
    maxMessageBytes: (topic) =>
      topic === 'unknown' ? Promise.reject(new FakeError('refused')) : Promise.resolve(1_048_588),
  });
  const sent = (number: number): string[] => (transports[number]?.requests ?? []).map((one) => texts(one).join(''));
  return { producer, transports, sent, health };
}

const never = (): Promise<void> => new Promise(() => undefined);

describe('KafkaProducer', () => {
  it('sends the same messages again through the same transport, so that the broker recognizes them', async () => {
    let failures = 2;
    const { producer, transports, sent } = setup(() =>
      failures-- > 0 ? Promise.reject(new FakeError('transient')) : Promise.resolve(),
    );
    await producer.send(topicOf('t'), 'a');
    assert.equal(transports.length, 1);
    assert.deepEqual(sent(0), ['a', 'a', 'a']);
    await producer.close();
  });

  it('sends other messages after a request without an answer through another transport', async () => {
    // Under the number of the unanswered request the broker would take them for a repetition, and lose them.
    const { producer, transports, sent } = setup((_, transport) => (transport === 0 ? never() : Promise.resolve()), 20);
    await assert.rejects(producer.send(topicOf('t'), 'a'), BusUnavailableError);
    await producer.send(topicOf('t'), 'b');
    assert.deepEqual([sent(0), sent(1)], [['a'], ['b']]);
    await until(() => transports[0]?.closed === true);
    await producer.close();
    assert.equal(transports[1]?.closed, true);
  });

  it('goes to another transport when the broker does not know the numbers of this one', async () => {
    const { producer, sent } = setup((_, transport) =>
      transport === 0 ? Promise.reject(new FakeError('sequence')) : Promise.resolve(),
    );
    await producer.send(topicOf('t'), 'a');
    assert.deepEqual([sent(0), sent(1)], [['a'], ['a']]);
    await producer.close();
  });

  it('leaves the request of another topic on the transport that it began with', async () => {
    let answer: ((error: Error) => void) | undefined;
    let tries = 0;
    const { producer, transports, sent } = setup(([text], transport) => {
      if (text === 'a') return transport === 0 ? Promise.reject(new FakeError('sequence')) : Promise.resolve();
      return tries++ === 0 ? new Promise((_, reject) => (answer = reject)) : Promise.resolve();
    });
    const slow = producer.send(topicOf('slow'), 'b');
    await producer.send(topicOf('t'), 'a');
    assert.equal(transports[0]?.closed, false);
    answer?.(new FakeError('transient'));
    await slow;
    assert.deepEqual(sent(0), ['b', 'a', 'b']);
    await until(() => transports[0]?.closed === true);
    await producer.close();
  });

  it('tells the true limit of a topic that takes less than it was thought to', async () => {
    const { producer } = setup(([text = '']) =>
      text.length > 1_048_588 ? Promise.reject(new FakeError('tooLarge')) : Promise.resolve(),
    );
    await assert.rejects(producer.send(topicOf('t'), 'x'.repeat(1_500_000)), (error: Error) => {
      assert.ok(error instanceof MessageTooLargeError);
      assert.equal(error.limit, 1_048_588);
      return true;
    });
    await assert.rejects(producer.send(topicOf('unknown', 2_000_000), 'x'.repeat(1_500_000)), (error: Error) => {
      assert.ok(error instanceof MessageTooLargeError);
      assert.equal(error.limit, 2_000_000);
      return true;
    });
    await producer.close();
  });

  it('refuses a message that the topic does not take without asking the broker', async () => {
    const { producer, sent } = setup(() => Promise.resolve());
    const most = 1000 - RECORD_OVERHEAD_BYTES;
    await assert.rejects(producer.send(topicOf('t', 1000), 'x'.repeat(most + 1)), MessageTooLargeError);
    assert.deepEqual(sent(0), []);
    await producer.send(topicOf('t', 1000), 'x'.repeat(most));
    assert.equal(sent(0).length, 1);
    await producer.close();
  });

  it('bounds the bytes that wait, and keeps room for small messages', async () => {
    const { producer } = setup(never, 300);
    const large = 'x'.repeat(MAX_OUTSTANDING_BYTES / 2);
    const waiting = [assert.rejects(producer.send(topicOf('t'), large), BusUnavailableError)];
    await assert.rejects(producer.send(topicOf('t'), `${large}x`), BusFullError);
    waiting.push(assert.rejects(producer.send(topicOf('t'), large), BusUnavailableError));
    await assert.rejects(producer.send(topicOf('t'), 'y'.repeat(SMALL_BYTES + 1)), BusFullError);
    waiting.push(assert.rejects(producer.send(topicOf('t'), 'y'.repeat(SMALL_BYTES)), /in time/));
    await Promise.all(waiting);
    const more = assert.rejects(producer.send(topicOf('t'), large), /in time/);
    await turn();
    await more;
    await producer.close();
  });

  it('lets a lasting message wait as long as the outage lasts', async () => {
    let away = true;
    const { producer, health } = setup(
      () => (away ? Promise.reject(new FakeError('transient')) : Promise.resolve()),
      20,
    );
    const lasting = producer.send(topicOf('t'), 'a', { lasting: true });
    await assert.rejects(producer.send(topicOf('t'), 'b'), BusUnavailableError);
    away = false;
    await lasting;
    assert.equal(health.isUp(), true);
    await producer.close();
    await assert.rejects(producer.send(topicOf('t'), 'c'), /closed/);
  });

  it('counts the time limit from the request that a message is for, and leaves a late message some time', async () => {
    const { producer } = setup(never, 3_600_000, 1);
    const settled: string[] = [];
    const send = (text: string, usedMs: number): Promise<void> =>
      producer.send(topicOf('t'), text, { usedMs }).catch(() => void settled.push(text));
    void send('fresh', 0);
    void send('of a clock that was set back', -1000);
    await Promise.all([send('late', 3_599_990), send('too late', 10_000_000)]);
    assert.deepEqual(settled.toSorted(), ['late', 'too late']);

    let taken = 0;
    const { producer: other } = setup(() => Promise.resolve(void taken++), 3_600_000, 60_000);
    await other.send(topicOf('t'), 'too late', { usedMs: 10_000_000 });
    assert.equal(taken, 1);
  });

  it('names what the brokers refuse, and does not retry it', async () => {
    const { producer, sent } = setup(() => Promise.reject(new FakeError('refused')));
    await assert.rejects(producer.send(topicOf('t'), 'a'), (error: Error) => {
      assert.ok(error instanceof BusUnavailableError);
      assert.match(error.message, /^Kafka refuses a message for t: refused$/);
      return true;
    });
    assert.deepEqual(sent(0), ['a']);
    await producer.close();
  });
});
