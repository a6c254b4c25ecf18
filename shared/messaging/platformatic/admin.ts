import type { BaseOptions } from '@platformatic/kafka';
import { unlessRefused } from '../kafka/classify.js';
import type { Admin } from '../kafka/library.js';
import { classify, isTopicMissing, isTopicThere } from './errors.js';
import { closeNow, withMissingBrokers, type Library } from './library.js';

/** An admin client of the library. It connects with its first request. */
export function platformaticAdmin(library: Library, options: BaseOptions): Admin {
  const client = withMissingBrokers(library, new library.Admin(options));
  const replicasOf = async (topic: string): Promise<readonly number[]> => {
    const { topics } = await client.metadata({ topics: [topic] });
    return (topics.get(topic)?.partitions ?? []).map(({ replicas }) => replicas.length);
  };
  return {
    createTopic: async (topic, settings, replicas) => {
      try {
        await client.createTopics({
          topics: [topic],
          partitions: 1,
          replicas,
          configs: Object.entries(settings).map(([name, value]) => ({ name, value })),
        });
        return true;
      } catch (error) {
        if (isTopicThere(error)) return false;
        throw error;
      }
    },
    describeTopic: async (topic) => {
      let replicas: readonly number[];
      try {
        replicas = await replicasOf(topic);
      } catch (error) {
        if (isTopicMissing(error)) return undefined;
        throw error;
      }
      const resource = {
        resourceType: library.ConfigResourceTypes.TOPIC,
        resourceName: topic,
        configurationKeys: ['min.insync.replicas', 'max.message.bytes'],
      };
      const described = await unlessRefused(client.describeConfigs({ resources: [resource] }), classify);
      const value = (setting: string): number | undefined => {
        const entry = described?.[0]?.configs.find(({ name }) => name === setting);
        return entry === undefined ? undefined : Number(entry.value);
      };
      return {
        replicas: Math.min(...replicas),
        minInsyncReplicas: value('min.insync.replicas'),
        maxMessageBytes: value('max.message.bytes'),
      };
    },
    places: async (topic, groupId) => {
      const partitionIndexes = [...(await replicasOf(topic)).keys()];
      const [ends] = await client.listOffsets({
        topics: [
          {
            name: topic,
            partitions: partitionIndexes.map((partitionIndex) => ({
              partitionIndex,
              timestamp: library.ListOffsetTimestamps.LATEST,
            })),
          },
        ],
      });
      const [group] = await client.listConsumerGroupOffsets({
        groups: [{ groupId, topics: [{ name: topic, partitionIndexes }] }],
      });
      const committed = new Map(
        group?.topics
          .find(({ name }) => name === topic)
          ?.partitions.map(({ partitionIndex, committedOffset }) => [partitionIndex, Number(committedOffset)]),
      );
      return (ends?.partitions ?? []).map(({ partitionIndex, offset }) => {
        const place = committed.get(partitionIndex) ?? -1;
        return { partition: partitionIndex, committed: place < 0 ? undefined : place, end: Number(offset) };
      });
    },
    close: () => closeNow(client),
  };
}
