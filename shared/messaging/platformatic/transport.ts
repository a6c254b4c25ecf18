import type { BaseOptions } from '@platformatic/kafka';
import type { Transport } from '../kafka/library.js';
import { closeNow, type Library } from './library.js';

/** A connected producer of the library. */
export async function platformaticTransport(
  { Producer, ProduceAcks }: Library,
  options: BaseOptions,
  acks: 'all' | '1',
): Promise<Transport> {
  const settings =
    acks === 'all' ? { acks: ProduceAcks.ALL, idempotent: true } : { acks: ProduceAcks.LEADER, idempotent: false };
  const client = new Producer({ ...options, ...settings, autocreateTopics: false });
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
