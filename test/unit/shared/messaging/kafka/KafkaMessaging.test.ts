import assert from 'node:assert/strict';
import { KafkaMessaging } from '../../../../../shared/messaging/kafka/KafkaMessaging.js';
import { classify as classifyKafkajs } from '../../../../../shared/messaging/kafkajs/errors.js';
import { BusRefusedError, type Messaging, type Topic } from '../../../../../shared/messaging/Messaging.js';
import { until } from '../../../../suites/messaging.js';
import { FakeError, FakeKafka } from './FakeKafka.js';
import { recordingLogger } from './recordingLogger.js';

const topic: Topic<string> = { name: 't', encode: String, decode: String, settings: { 'retention.ms': '1' } };

const tooFewBrokers = Object.assign(new Error('Replication-factor is invalid'), {
  name: 'KafkaJSProtocolError',
  type: 'INVALID_REPLICATION_FACTOR',
  retriable: false,
});

describe('KafkaMessaging', () => {
  let kafka: FakeKafka;
  let messaging: Messaging;
  let lines: string[];

  function open(options: { replicationFactor?: number; acks?: 'all' | '1' } = {}): void {
    kafka = new FakeKafka();
    const logger = recordingLogger();
    lines = logger.lines;
    messaging = new KafkaMessaging(kafka, { brokers: ['h:1'], clientId: 'c', log: logger.log, ...options });
  }
  afterEach(() => messaging.close());

  it('carries messages', async () => {
    open();
    const got: string[] = [];
    await messaging.consume({ topic, group: 'g', maxInFlight: 1, handle: (text) => void got.push(text) });
    const producer = await messaging.producer();
    await producer.send(topic, 'a');
    await kafka.members[0]?.fetch();
    assert.deepEqual(got, ['a']);
    assert.equal(messaging.isHealthy(), true);
    assert.equal(messaging.health().up, true);
    await messaging.close();
    assert.equal(messaging.isHealthy(), false);
    assert.equal(kafka.transports[0]?.closed, true);
    assert.equal(kafka.members[0]?.state, 'closed');
  });

  it('makes a topic once, and logs nothing if it can keep its promise', async () => {
    open();
    await Promise.all([messaging.ensureTopic(topic), messaging.ensureTopic(topic)]);
    await messaging.ensureTopic(topic);
    assert.equal(kafka.calls.filter((call) => call === 'createTopic').length, 1);
    assert.deepEqual(lines, ['info: created topic t']);
  });

  it('warns once if there are too few replicas to keep the promise', async () => {
    open();
    kafka.facts = { replicas: 1, minInsyncReplicas: 1, maxMessageBytes: undefined };
    await messaging.ensureTopic(topic);
    await messaging.ensureTopic({ ...topic, name: 'other' });
    assert.equal(lines.filter((line) => line.includes('one replica')).length, 1);
  });

  it('waits for brokers that do not answer yet, and connects anew each time', async () => {
    open();
    let failures = 3;
    kafka.faults.set('admin', () => {
      if (failures-- > 0) throw new FakeError('transient');
    });
    await messaging.ensureTopic(topic);
    assert.equal(kafka.calls.filter((call) => call === 'admin').length, 4);
    assert.equal(lines.filter((line) => line.includes('is unavailable')).length, 1);
    assert.equal(lines.filter((line) => line.includes('is available again')).length, 1);
  });

  it('waits for brokers if fewer are up than a topic has replicas, and says so once', async () => {
    open({ replicationFactor: 3 });
    let failures = 3;
    kafka.faults.set('createTopic', () => {
      // Client libraries wrap the errors of several topics.
      if (failures-- > 0) throw new AggregateError([tooFewBrokers], 'Topic creation errors');
    });
    kafka.classify = classifyKafkajs;
    await messaging.ensureTopic(topic);
    const said = lines.filter((line) => line.includes('topic t cannot have 3 replicas'));
    assert.equal(said.length, 1, lines.join('\n'));
    assert.match(said[0] ?? '', /^warn: .*Kafka has fewer brokers up, waiting for more$/);
    assert.equal(kafka.calls.filter((call) => call === 'createTopic').length, 4);
  });

  it('names the cause of a failure that no retry can resolve', async () => {
    open();
    kafka.faults.set('createTopic', () => {
      throw new AggregateError([new Error('The configuration is wrong')], 'Topic creation errors');
    });
    await assert.rejects(messaging.ensureTopic(topic), {
      message: 'Kafka failed at topic t: The configuration is wrong',
    });
  });

  for (const [kind, connections] of [
    ['transient', 2],
    ['other', 2],
    ['refused', 1],
  ] as const) {
    it(`keeps a connection for administration only if the brokers answer (${kind})`, async () => {
      open();
      await messaging.ensureTopic(topic);
      let failures = 1;
      kafka.faults.set('places', () => {
        if (failures-- > 0) throw new FakeError(kind);
      });
      const consume = () => messaging.consume({ topic, group: 'g', maxInFlight: 1, handle: () => undefined });
      if (kind === 'refused') await assert.rejects(consume(), BusRefusedError);
      else await consume();
      assert.equal(kafka.calls.filter((call) => call === 'admin').length, connections);
    });
  }

  it('fails with a clear error if the brokers refuse, and may be asked again', async () => {
    open();
    kafka.faults.set('admin', () => {
      throw new FakeError('refused');
    });
    await assert.rejects(messaging.ensureTopic(topic), (error: Error) => {
      assert.ok(error instanceof BusRefusedError);
      assert.match(error.message, /^Kafka refuses topic t: refused$/);
      return true;
    });
    kafka.faults.set('transport', () => {
      throw new FakeError('refused');
    });
    await assert.rejects(messaging.producer(), BusRefusedError);
    kafka.faults.clear();
    // The rejected connection is not kept for ever.
    await messaging.ensureTopic(topic);
  });

  it('uses an existing topic that it may not make', async () => {
    open();
    kafka.faults.set('createTopic', () => {
      throw new FakeError('refused');
    });
    kafka.append('t', []);
    await messaging.ensureTopic(topic);
  });

  it('forgets a consumer that could not join', async () => {
    open();
    kafka.faults.set('join', () => {
      throw new FakeError('refused');
    });
    await assert.rejects(
      messaging.consume({ topic, group: 'g', maxInFlight: 1, handle: () => undefined }),
      BusRefusedError,
    );
  });

  it('ends all waits when it is closed', async () => {
    open();
    kafka.faults.set('admin', () => {
      throw new FakeError('transient');
    });
    const waiting = assert.rejects(messaging.ensureTopic(topic), /closed/);
    await until(() => lines.length > 0);
    await messaging.close();
    await waiting;
    await assert.rejects(messaging.consume({ topic, group: 'g', maxInFlight: 1, handle: () => undefined }), /closed/);
  });
});
