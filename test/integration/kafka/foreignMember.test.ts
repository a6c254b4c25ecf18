import assert from 'node:assert/strict';
import { Kafka, logLevel, PartitionAssigners, type PartitionAssigner } from 'kafkajs';
import { silentLogger } from '../../../shared/logging/Logger.js';
import { KAFKA_CLIENTS, type KafkaClientName } from '../../../shared/messaging/clients/names.js';
import { openKafka } from '../../../shared/messaging/clients/openKafka.js';
import { eventually } from '../../e2e/eventually.js';
import { until } from '../../suites/messaging.js';
import { skipWithoutBroker } from './broker.js';
import { startKafka, type TestKafka } from './kafka.js';
import { numberTopic, type Numbered } from './numbers.js';

/*
 * Where one of our processes takes the place (the number) of one of Apache OpenWhisk's, whose Java client shares
 * partitions out by other rules, the broker lets ours into the group only once the other is out of it.
 */

for (const name of KAFKA_CLIENTS) {
  describe(`a group that a member of another client is in, through ${name}`, function () {
    let given: TestKafka;
    before(async function () {
      skipWithoutBroker(this);
      given = await startKafka();
    });
    after(() => (given as TestKafka | undefined)?.close());

    it('is joined once, when the other is gone, and left for good', () => takesOver(name, given));
  });
}

async function takesOver(name: KafkaClientName, { hosts, prefix }: TestKafka): Promise<void> {
  const brokers = hosts.split(',');
  const kafka = new Kafka({ brokers, clientId: 'foreign-test', logLevel: logLevel.NOTHING });
  const topic = numberTopic(`${prefix}${name}`);
  const group = `${topic.name}-group`;
  const warnings: string[] = [];
  const warn = (message: string): void => void warnings.push(message);
  const log = { ...silentLogger, warn, component: () => log };
  const messaging = await openKafka(name, { brokers, clientId: 'takes-over', log });
  await messaging.ensureTopic(topic);
  const admin = kafka.admin();
  await admin.connect();
  const members = async (): Promise<number> => (await admin.describeGroups([group])).groups[0]?.members.length ?? 0;

  const foreign = kafka.consumer({ groupId: group, partitionAssigners: [otherRules] });
  const seen: string[] = [];
  await foreign.connect();
  // A broker may know a new topic a moment after it was made.
  await eventually(() => foreign.subscribe({ topic: topic.name, fromBeginning: true }));
  await foreign.run({
    autoCommitThreshold: 1,
    eachMessage: ({ message }) => Promise.resolve(void seen.push(String(message.value))),
  });
  const producer = await messaging.producer();
  await producer.send(topic, { n: 0 });
  await until(() => seen.length === 1);

  const got: number[] = [];
  const consuming = messaging.consume<Numbered>({ topic, group, maxInFlight: 10, handle: ({ n }) => void got.push(n) });
  await until(() => warnings.some((message) => message.includes('cannot join group')));
  await foreign.disconnect();
  const consumer = await consuming;
  for (let n = 1; n <= 20; n++) await producer.send(topic, { n });
  await until(() => got.length >= 20);
  assert.deepEqual(
    got,
    Array.from({ length: 20 }, (_, i) => i + 1),
  );
  // Tries that failed left no member behind, which would take messages and go on after closing.
  assert.equal(await members(), 1);
  await consumer.close();
  await eventually(async () => assert.equal(await members(), 0));
  await messaging.close();
  await admin.disconnect();
}

/** Shares partitions out as kafkajs does, under a name that ours does not know. */
const otherRules: PartitionAssigner = (config) => {
  const assigner = PartitionAssigners.roundRobin(config);
  const name = 'range';
  return { ...assigner, name, protocol: (subscription) => ({ ...assigner.protocol(subscription), name }) };
};
