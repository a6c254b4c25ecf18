import type { BaseOptions } from '@platformatic/kafka';
import type { Transport } from '../kafka/KafkaProducer.js';
import { isTooLarge, isTransient } from './errors.js';
import type { Library } from './PlatformaticMessaging.js';

/** A connected producer of the library. */
export async function platformaticTransport(library: Library, options: BaseOptions): Promise<Transport> {
  const { Producer, ProduceAcks } = library;
  const client = new Producer({ ...options, acks: ProduceAcks.LEADER, autocreateTopics: false });
  try {
    await client.connectToBrokers();
  } catch (error) {
    await new Promise<void>((resolve) => client.close(true, () => resolve()));
    throw error;
  }
  return {
    send: async (topic, messages) => {
      await client.send({
        messages: messages.map(({ key, value }) => ({
          topic,
          value,
          ...(key === null ? {} : { key: Buffer.from(key) }),
        })),
      });
    },
    isTransient,
    isTooLarge,
    close: () => client.close(),
  };
}
