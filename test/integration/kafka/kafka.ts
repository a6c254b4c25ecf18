import { Kafka, logLevel } from 'kafkajs';
import { startBroker, type BrokerOptions } from './broker.js';

/** A Kafka to test against. */
export interface TestKafka {
  /** `host:port`, separated by commas. */
  readonly hosts: string;
  /** What the names of all topics and groups begin with that are made here. */
  readonly prefix: string;
  /** Ends it, or removes what was made in one that was there before. */
  close(): Promise<void>;
}

let serial = 0;

/** One that nobody else has. */
export const newPrefix = (): string => `test-${process.pid}-${Date.now()}-${serial++}-`;

/**
 * The Kafka that `KAFKA_HOSTS` names, the one that the run of tests shares, or else one of our own. A test must not stop
 * it: see `startBroker` for that.
 *
 * @param options of one of our own.
 */
export async function startKafka(prefix = newPrefix(), options: BrokerOptions = {}): Promise<TestKafka> {
  const hosts = process.env['KAFKA_HOSTS'] || process.env['SHARED_KAFKA_HOSTS'] || '';
  if (hosts !== '') return { hosts, prefix, close: () => removeAll(hosts, prefix) };
  const broker = await startBroker(options);
  return { hosts: broker.hosts, prefix, close: () => broker.close() };
}

async function removeAll(hosts: string, prefix: string): Promise<void> {
  const kafka = new Kafka({ brokers: hosts.split(','), clientId: 'tests', logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  try {
    const ours = (name: string): boolean => name.startsWith(prefix);
    const { groups } = await admin.listGroups();
    // A group whose members have just left may still be counted as one that has some: it is no matter, Kafka forgets it.
    await admin.deleteGroups(groups.map(({ groupId }) => groupId).filter(ours)).catch(() => []);
    const topics = (await admin.listTopics()).filter(ours);
    if (topics.length > 0) await admin.deleteTopics({ topics });
  } finally {
    await admin.disconnect();
  }
}
