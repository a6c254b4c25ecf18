import assert from 'node:assert/strict';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Kafka, logLevel } from 'kafkajs';
import type { Logger } from '../../../shared/logging/Logger.js';
import { BusUnavailableError, type Delivery, type Messaging } from '../../../shared/messaging/Messaging.js';
import { eventually } from '../../e2e/eventually.js';
import { until } from '../../suites/messaging.js';
import { skipWithoutOwnBroker, startBroker, type Broker } from './broker.js';
import { KAFKA_CLIENTS, type KafkaClientName } from '../../../shared/messaging/clients/names.js';
import { openKafka } from '../../../shared/messaging/clients/openKafka.js';
import { numberTopic, type Numbered } from './numbers.js';

/**
 * The longest that a client may take on a busy machine to deliver from a broker that is back. See docs/decisions/0005 for the
 * times on an idle one.
 */
const RETURN_MS: Readonly<Record<KafkaClientName, number>> = { kafkajs: 120_000, platformatic: 180_000 };

for (const name of KAFKA_CLIENTS) faults(name);

function faults(name: KafkaClientName): void {
  describe(`Kafka with faults, through ${name}`, () => faultTests(name)).timeout(600_000);
}

function faultTests(name: KafkaClientName): void {
  let broker: Broker;
  const open: Messaging[] = [];

  before(async function () {
    skipWithoutOwnBroker(this);
    broker = await startBroker();
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((messaging) => messaging.close()));
  });
  after(() => (broker as Broker | undefined)?.close());

  async function connect(log?: Logger, deliveryTimeoutMs?: number): Promise<Messaging> {
    const messaging = await openKafka(name, {
      brokers: [broker.hosts],
      clientId: 'faults-test',
      memberName: 'one',
      log,
      deliveryTimeoutMs,
    });
    open.push(messaging);
    return messaging;
  }

  it('loses nothing that was acknowledged when the broker is killed and comes back, without a restart here', async () => {
    // A busy machine may need minutes to start the broker.
    const messaging = await connect(undefined, 200_000);
    const topic = numberTopic();
    const times = new Map<number, number>();
    await messaging.consume<Numbered>({
      topic,
      group: `${topic.name}-group`,
      maxInFlight: 100,
      handle: ({ n }) => void times.set(n, (times.get(n) ?? 0) + 1),
    });
    const producer = await messaging.producer();
    const acknowledged: number[] = [];
    let failed = 0;
    const ending = new AbortController();
    const sending: Promise<void>[] = [];
    const load = (async () => {
      for (let n = 0; !ending.signal.aborted; n++) {
        sending.push(
          producer.send(topic, { n }).then(
            () => void acknowledged.push(n),
            () => void failed++,
          ),
        );
        await sleep(5);
      }
    })();
    await until(() => times.size > 50);
    await broker.kill();
    await sleep(1500);
    const before = acknowledged.length;
    await broker.start();
    const back = performance.now();
    await until(() => acknowledged.length > before, RETURN_MS[name]);
    const sendsAgain = performance.now() - back;
    const seen = times.size;
    await until(() => times.size > seen, RETURN_MS[name]);
    const deliversAgain = performance.now() - back;
    await sleep(1000);
    ending.abort();
    await load;
    await Promise.all(sending);
    await until(() => acknowledged.every((n) => times.has(n)));
    const twice = [...times.values()].filter((count) => count > 1).length;
    console.log(
      `      ${acknowledged.length} acknowledged, ${failed} refused, 0 lost, ${twice} delivered twice; ` +
        `after the broker's return sending took ${Math.round(sendsAgain)} ms, delivery ${Math.round(deliversAgain)} ms`,
    );
    assert.equal(failed, 0);
    assert.ok(messaging.isHealthy());
  });

  it('waits for a broker that is not there yet, and says so', async () => {
    await broker.stop();
    const warnings: string[] = [];
    const messaging = await connect({
      debugEnabled: false,
      debug: () => undefined,
      info: () => undefined,
      warn: (message) => void warnings.push(message),
      error: (message) => void warnings.push(message),
      component() {
        return this;
      },
    });
    const topic = numberTopic();
    const got: number[] = [];
    const consuming = messaging.consume<Numbered>({
      topic,
      group: `${topic.name}-group`,
      maxInFlight: 1,
      handle: ({ n }) => void got.push(n),
    });
    const producing = messaging.producer();
    await until(() => warnings.some((message) => /is unavailable.*the connection is refused/.test(message)));
    await broker.start();
    await consuming;
    await (await producing).send(topic, { n: 7 });
    await until(() => got.length === 1);
  });

  it('gives the unhandled messages of a killed consumer to its successor, marked as redelivered', async () => {
    const messaging = await connect();
    const topic = numberTopic();
    await messaging.ensureTopic(topic);
    const child = await startConsumer(name, broker.hosts, topic.name);
    const handled: number[] = [];
    const started: number[] = [];
    child.on('message', ({ kind, n }: { kind: 'started' | 'handled'; n: number }) => {
      (kind === 'handled' ? handled : started).push(n);
    });
    const producer = await messaging.producer();
    // The child handles even numbers and keeps odd ones for ever, at most 4 of them.
    for (let n = 0; n < 20; n++) await producer.send(topic, { n });
    await until(() => started.length === 8);
    await committed(broker.hosts, topic.name, `${topic.name}-group`, 1);
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.deepEqual(started, [0, 1, 2, 3, 4, 5, 6, 7]);
    assert.deepEqual(handled, [0, 2, 4, 6]);

    const got = new Map<number, Delivery>();
    const restarted = performance.now();
    await messaging.consume<Numbered>({
      topic,
      group: `${topic.name}-group`,
      maxInFlight: 10,
      handle: ({ n }, delivery) => void got.set(n, delivery),
    });
    await until(() => got.has(19));
    console.log(`      the successor was at work after ${Math.round(performance.now() - restarted)} ms`);
    // 0 was handled and all before it; 1 was not, so that all from 1 on come again.
    assert.deepEqual(
      [...got.keys()].toSorted((a, b) => a - b),
      Array.from({ length: 19 }, (_, i) => i + 1),
    );
    assert.ok([...got.values()].every(({ redelivered }) => redelivered));
    await producer.send(topic, { n: 20 });
    await until(() => got.has(20));
    assert.equal(got.get(20)?.redelivered, false);
  });

  it('treats a frozen broker as a dead one: refuses in time, keeps what may wait, and continues when it is back', async () => {
    const messaging = await connect(undefined, 3000);
    const topic = numberTopic();
    const got = new Set<number>();
    await messaging.consume<Numbered>({
      topic,
      group: `${topic.name}-group`,
      maxInFlight: 10,
      handle: ({ n }) => void got.add(n),
    });
    const producer = await messaging.producer();
    // A busy broker may need longer than the limit.
    await producer.send(topic, { n: 0 }, { lasting: true });
    await until(() => got.has(0));
    await broker.freeze();
    let lasting: Promise<void>[];
    try {
      const refused = [1, 2, 3].map((n) => assert.rejects(producer.send(topic, { n }), BusUnavailableError));
      lasting = [4, 5].map((n) => producer.send(topic, { n }, { lasting: true }));
      await Promise.all(refused);
      await until(() => !messaging.isHealthy());
    } finally {
      broker.thaw();
    }
    await Promise.all(lasting);
    await until(() => got.has(4) && got.has(5), RETURN_MS[name]);
    await producer.send(topic, { n: 6 }, { lasting: true });
    await until(() => got.has(6) && messaging.isHealthy(), RETURN_MS[name]);
  });

  it('closes while the broker is frozen, and gives up what waits', async () => {
    const messaging = await openKafka(name, { brokers: [broker.hosts], clientId: 'closing', memberName: 'closing' });
    const topic = numberTopic();
    await messaging.consume<Numbered>({
      topic,
      group: `${topic.name}-group`,
      maxInFlight: 10,
      handle: () => undefined,
    });
    const producer = await messaging.producer();
    await producer.send(topic, { n: 0 }, { lasting: true });
    await broker.freeze();
    try {
      const waiting = assert.rejects(producer.send(topic, { n: 1 }, { lasting: true }), BusUnavailableError);
      await messaging.close();
      await waiting;
    } finally {
      broker.thaw();
    }
  });

  it('refuses messages that the broker has not taken in time', async () => {
    const messaging = await connect(undefined, 1000);
    const topic = numberTopic();
    await messaging.ensureTopic(topic);
    const producer = await messaging.producer();
    await producer.send(topic, { n: 0 }, { lasting: true });
    await broker.kill();
    try {
      await assert.rejects(producer.send(topic, { n: 1 }), BusUnavailableError);
    } finally {
      await broker.start();
    }
  });
}

/** Resolves once a group has committed that it goes on at an offset. */
async function committed(hosts: string, topic: string, groupId: string, offset: number): Promise<void> {
  const admin = new Kafka({ brokers: [hosts], clientId: 'commits', logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    await eventually(async () => {
      const [offsets] = await admin.fetchOffsets({ groupId, topics: [topic] });
      assert.equal(offsets?.partitions[0]?.offset, String(offset));
    });
  } finally {
    await admin.disconnect();
  }
}

async function startConsumer(name: KafkaClientName, hosts: string, topic: string): Promise<ChildProcess> {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const child = fork(fileURLToPath(new URL(`./holdingConsumer.${extension}`, import.meta.url)), [name, hosts, topic]);
  await once(child, 'message');
  return child;
}
