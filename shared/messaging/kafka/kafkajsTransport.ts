import { CompressionTypes, Partitioners, type Kafka } from 'kafkajs';
import { isTooLarge, isTransient } from './errors.js';
import type { Transport } from './KafkaProducer.js';

/** A connected producer of kafkajs. */
export async function kafkajsTransport(kafka: Kafka): Promise<Transport> {
  const client = kafka.producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    allowAutoTopicCreation: false,
    metadataMaxAge: 60_000,
    // Trying again is the producer's: kafkajs takes a refused connection for final after a few rounds of its own.
    retry: { initialRetryTime: 50, maxRetryTime: 200, retries: 2 },
  });
  await client.connect();
  return {
    send: async (topic, messages) => {
      await client.send({ topic, acks: 1, compression: CompressionTypes.None, messages });
    },
    isTransient,
    isTooLarge,
    close: () => client.disconnect(),
  };
}
