import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { silentLogger, type Logger } from '../../../shared/logging/Logger.js';
import { KAFKA_CLIENTS, type KafkaClientName } from '../../../shared/messaging/clients/names.js';
import { openKafka } from '../../../shared/messaging/clients/openKafka.js';
import type { Messaging } from '../../../shared/messaging/Messaging.js';
import { until } from '../../suites/messaging.js';
import { skipWithoutOwnBroker, startBroker, type Broker } from './broker.js';
import { numberTopic, type Numbered } from './numbers.js';

const DAMAGED = 2;
/** The first message that is not handed over: platformatic's client reads a response as a whole. */
const UNREAD: Readonly<Record<KafkaClientName, number>> = { kafkajs: DAMAGED, platformatic: 0 };

for (const name of KAFKA_CLIENTS) {
  describe(`Kafka with a damaged message, through ${name}`, () => damagedMessage(name)).timeout(600_000);
}

function damagedMessage(name: KafkaClientName): void {
  const unread = UNREAD[name];
  const read = Array.from({ length: unread }, (_, n) => n);
  let broker: Broker;
  const open: Messaging[] = [];

  before(async function () {
    skipWithoutOwnBroker(this);
    broker = await startBroker();
  });
  after(async () => {
    await Promise.all(open.map((messaging) => messaging.close()));
    await (broker as Broker | undefined)?.close();
  });

  async function connect(log: Logger = silentLogger): Promise<Messaging> {
    const messaging = await openKafka(name, { brokers: [broker.hosts], clientId: 'damaged-test', log });
    open.push(messaging);
    return messaging;
  }

  it('hands over what is before it, says once where it is, skips nothing, and goes on after the offset is reset', async () => {
    const topic = numberTopic();
    const group = `${topic.name}-group`;
    const sender = await connect();
    await sender.ensureTopic(topic);
    const producer = await sender.producer();
    for (let n = 0; n < 5; n++) await producer.send(topic, { n }, { lasting: true });
    await sender.close();
    await broker.stop();
    damage(join(broker.logs, `${topic.name}-0`, '00000000000000000000.log'));
    await broker.start();

    const errors: string[] = [];
    const log: Logger = { ...silentLogger, error: (line) => void errors.push(line), component: () => log };
    const messaging = await connect(log);
    const got: number[] = [];
    const handle = ({ n }: Numbered): void => void got.push(n);
    await messaging.consume<Numbered>({ topic, group, maxInFlight: 10, handle });
    await until(() => errors.length > 0);
    assert.deepEqual(got, read);
    const [line = ''] = errors;
    // A group that has read nothing does not know its offset.
    const [from, to] = unread === 0 ? ['its begin', 'N'] : [`offset ${unread}`, unread + 1];
    assert.match(line, new RegExp(`cannot read topic ${topic.name}, partition 0 from ${from} on: `));
    assert.match(line, new RegExp(`--topic ${topic.name}:0 --reset-offsets --to-offset ${to} `));
    assert.equal(messaging.health().unreadable, 1);
    await messaging.close();
    assert.deepEqual([got, errors.length], [read, 1]);

    // As the line says, with the first offset that is intact.
    const admin = new Kafka({ brokers: [broker.hosts], clientId: 'operator', logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    const partitions = [{ partition: 0, offset: String(DAMAGED + 1) }];
    await admin.setOffsets({ groupId: group, topic: topic.name, partitions });
    await admin.disconnect();
    const later = await connect();
    await later.consume<Numbered>({ topic, group, maxInFlight: 10, handle });
    await until(() => got.includes(4));
    assert.deepEqual(got, [...read, 3, 4]);
    assert.equal(later.health().unreadable, 0);
  });
}

/** The place of the number of records in a batch. */
const COUNT_AT = 57;

/** Writes an impossible number of records into the batch at the offset `DAMAGED`, as a fault of a disk may do. */
function damage(segment: string): void {
  const bytes = readFileSync(segment);
  let at = 0;
  while (bytes.readBigInt64BE(at) !== BigInt(DAMAGED)) at += 12 + bytes.readInt32BE(at + 8);
  bytes.writeInt32BE(1000, at + COUNT_AT);
  writeFileSync(segment, bytes);
}
