import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import { freePorts } from '../../../deploy/local/ports.js';
import { DroppingProxy } from '../../history/DroppingProxy.js';
import { startBroker, type Broker } from './broker.js';

/** Several brokers that keep each topic together. */
export interface Brokers {
  readonly brokers: readonly Broker[];
  /** `host:port` of each, or of its proxy, separated by commas. */
  readonly hosts: string;
  /** Before each broker, where they were asked for. */
  readonly proxies: readonly DroppingProxy[];
  /** Gives each partition that this machine's processes made another leader, and waits until it has one. */
  elect(): Promise<void>;
  close(): Promise<void>;
}

/** Three replicas of each partition, of which two have to have a message before it is acknowledged. */
const REPLICATED = {
  'default.replication.factor': '3',
  'min.insync.replicas': '2',
  'offsets.topic.replication.factor': '3',
  'transaction.state.log.replication.factor': '3',
  'transaction.state.log.min.isr': '2',
  // A partition whose first replica is another broker than its leader gets that leader within a second.
  'auto.leader.rebalance.enable': 'true',
  'leader.imbalance.check.interval.seconds': '1',
  'leader.imbalance.per.broker.percentage': '0',
};
const ELECTION_MS = 90_000;

/** Kafka did not elect the leaders that were asked for: the fault of the machine or of Kafka, and not of the tested program. */
export class ElectionError extends Error {
  override name = 'ElectionError';
}

/**
 * @param lossy clients, and brokers among themselves, reach each broker through a proxy that can lose what passes.
 * @throws where Java or Maven is missing, or a broker does not come up.
 */
export async function startBrokers(count: number, lossy = false): Promise<Brokers> {
  const ports = await freePorts(count * 2);
  const nodes = Array.from({ length: count }, (_, index) => ({
    id: index + 1,
    port: Number(ports[index]),
    controllerPort: Number(ports[count + index]),
  }));
  const proxies = await Promise.all(
    (lossy ? nodes : []).map(({ port }) => DroppingProxy.start(() => ({ host: '127.0.0.1', port }))),
  );
  const voters = nodes.map(({ id, controllerPort }) => `${id}@127.0.0.1:${controllerPort}`).join(',');
  const brokers = await Promise.all(
    nodes.map(({ id, port, controllerPort }, index) =>
      startBroker({
        ports: [port, controllerPort],
        properties: {
          ...(count > 2 ? REPLICATED : {}),
          ...(lossy ? { 'advertised.listeners': `PLAINTEXT://127.0.0.1:${proxies[index]?.port}` } : {}),
          'node.id': String(id),
          'controller.quorum.voters': voters,
        },
      }),
    ),
  );
  const hosts = lossy
    ? proxies.map(({ port }) => `127.0.0.1:${port}`).join(',')
    : brokers.map((broker) => broker.hosts).join(',');
  return {
    brokers,
    hosts,
    proxies,
    elect: () => elect(hosts.split(',')),
    close: async () => {
      for (const proxy of proxies) proxy.close();
      await Promise.all(brokers.map((broker) => broker.close()));
    },
  };
}

async function elect(brokers: string[]): Promise<void> {
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING, clientId: 'elections' }).admin();
  await admin.connect();
  try {
    const { topics } = await admin.fetchTopicMetadata();
    const wanted = topics.map(({ name, partitions }) => ({
      topic: name,
      partitionAssignment: partitions.map(({ partitionId, replicas, leader }) => ({
        partition: partitionId,
        replicas: rotated(replicas, leader),
      })),
    }));
    await admin.alterPartitionReassignments({ topics: wanted });
    for (const end = Date.now() + ELECTION_MS; ; await sleep(200)) {
      const now = await admin.fetchTopicMetadata();
      const moved = now.topics.every(({ name, partitions }) =>
        partitions.every(({ partitionId, leader }) => {
          const topic = wanted.find((each) => each.topic === name);
          const assignment = topic?.partitionAssignment.find(({ partition }) => partition === partitionId);
          return assignment === undefined || assignment.replicas[0] === leader;
        }),
      );
      if (moved) return;
      if (Date.now() > end)
        throw new ElectionError(`not every partition has another leader after ${ELECTION_MS / 1000} s`);
    }
  } finally {
    await admin.disconnect();
  }
}

/** The same replicas, with the one behind the leader first. */
function rotated(replicas: readonly number[], leader: number): number[] {
  const next = (replicas.indexOf(leader) + 1) % replicas.length;
  return [...replicas.slice(next), ...replicas.slice(0, next)];
}
