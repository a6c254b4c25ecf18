import { KafkaMessaging } from './kafka/KafkaMessaging.js';
import type { KafkaOptions } from './kafka/options.js';
import type { Messaging } from './Messaging.js';
import { PlatformaticMessaging } from './platformatic/PlatformaticMessaging.js';

/** The client libraries through which Kafka is spoken to; what speaks for which: docs/decisions. */
export const KAFKA_CLIENTS = ['kafkajs', 'platformatic'] as const;
export type KafkaClientName = (typeof KAFKA_CLIENTS)[number];

/** The bus on Kafka. @throws Error where the library is not installed. */
export function openKafka(client: KafkaClientName, options: KafkaOptions): Promise<Messaging> {
  return client === 'kafkajs' ? Promise.resolve(new KafkaMessaging(options)) : PlatformaticMessaging.create(options);
}
