import kafkajs, { type Kafka } from 'kafkajs';
import { chain } from '../kafka/causes.js';
import { unlessRefused } from '../kafka/classify.js';
import type { Admin } from '../kafka/library.js';
import { classify } from './errors.js';

// It cannot be imported by name.
const { ConfigResourceTypes } = kafkajs;

/** An admin client of kafkajs. */
export async function kafkajsAdmin(kafka: Kafka): Promise<Admin> {
  const client = kafka.admin();
  try {
    await client.connect();
  } catch (error) {
    await client.disconnect().catch(() => undefined);
    throw error;
  }
  return {
    createTopic: (topic, settings, replicationFactor) =>
      client.createTopics({
        waitForLeaders: true,
        topics: [
          {
            topic,
            numPartitions: 1,
            replicationFactor,
            configEntries: Object.entries(settings).map(([name, value]) => ({ name, value })),
          },
        ],
      }),
    describeTopic: async (name) => {
      let replicas: number;
      try {
        const { topics } = await client.fetchTopicMetadata({ topics: [name] });
        replicas = Math.min(...topics.flatMap(({ partitions }) => partitions.map((one) => one.replicas.length)));
      } catch (error) {
        if (chain(error).some(({ type }) => type === 'UNKNOWN_TOPIC_OR_PARTITION')) return undefined;
        throw error;
      }
      const configNames = ['min.insync.replicas', 'max.message.bytes'];
      const describe = { includeSynonyms: false, resources: [{ type: ConfigResourceTypes.TOPIC, name, configNames }] };
      const described = await unlessRefused(client.describeConfigs(describe), classify);
      const value = (setting: string): number | undefined => {
        const entry = described?.resources[0]?.configEntries.find(({ configName }) => configName === setting);
        return entry === undefined ? undefined : Number(entry.configValue);
      };
      return {
        replicas,
        minInsyncReplicas: value('min.insync.replicas'),
        maxMessageBytes: value('max.message.bytes'),
      };
    },
    places: async (topic, groupId) => {
      const ends = await client.fetchTopicOffsets(topic);
      const [offsets] = await client.fetchOffsets({ groupId, topics: [topic] });
      const committed = new Map(offsets?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
      return ends.map(({ partition, high }) => {
        const offset = committed.get(partition) ?? -1;
        return { partition, committed: offset < 0 ? undefined : offset, end: Number(high) };
      });
    },
    close: () => client.disconnect(),
  };
}
