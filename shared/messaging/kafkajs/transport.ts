import { CompressionTypes, Partitioners, type Kafka } from 'kafkajs';
import type { Transport } from '../kafka/library.js';

/** A connected producer of kafkajs. */
export async function kafkajsTransport(kafka: Kafka, acks: 'all' | '1'): Promise<Transport> {
  const client = kafka.producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    allowAutoTopicCreation: false,
    metadataMaxAge: 60_000,
    idempotent: acks === 'all',
    // `KafkaProducer` retries: kafkajs gives up a refused connection after a few rounds.
    retry: { initialRetryTime: 50, maxRetryTime: 200, retries: 2 },
  });
  try {
    await client.connect();
  } catch (error) {
    await client.disconnect().catch(() => undefined);
    throw error;
  }
  return {
    send: async (topic, messages) => {
      await client.send({
        topic,
        acks: acks === 'all' ? ALL_IN_SYNC : LEADER,
        compression: CompressionTypes.None,
        messages: [...messages],
      });
    },
    close: () => client.disconnect(),
  };
}

/** Kafka's numbers for `acks`. */
const ALL_IN_SYNC = -1;
const LEADER = 1;
