import { KafkaMessaging } from '../kafka/KafkaMessaging.js';
import type { KafkaOptions } from '../kafka/options.js';
import { kafkajsLibrary } from '../kafkajs/kafkajs.js';
import type { Messaging } from '../Messaging.js';
import { platformaticLibrary } from '../platformatic/platformatic.js';

/** The client libraries through which Kafka is spoken to; what speaks for which: docs/decisions. */
export const KAFKA_CLIENTS = ['kafkajs', 'platformatic'] as const;
export type KafkaClientName = (typeof KAFKA_CLIENTS)[number];

/** The bus on Kafka. @throws Error where the library is not installed. */
export async function openKafka(client: KafkaClientName, options: KafkaOptions): Promise<Messaging> {
  const library = client === 'kafkajs' ? kafkajsLibrary(options) : await platformaticLibrary(options);
  return new KafkaMessaging(library, options);
}
