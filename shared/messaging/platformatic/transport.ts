import type { BaseOptions } from '@platformatic/kafka';
import type { Transport } from '../kafka/library.js';
import { closeNow, withMissingBrokers, type Library } from './library.js';

/** A connected producer of the library. */
export async function platformaticTransport(
  library: Library,
  options: BaseOptions,
  acks: 'all' | '1',
): Promise<Transport> {
  const { Producer, ProduceAcks } = library;
  const settings =
    acks === 'all' ? { acks: ProduceAcks.ALL, idempotent: true } : { acks: ProduceAcks.LEADER, idempotent: false };
  const client = withMissingBrokers(library, new Producer({ ...options, ...settings, autocreateTopics: false }));
  try {
    await client.connectToBrokers();
  } catch (error) {
    await closeNow(client);
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
    close: () => closeNow(client),
  };
}
