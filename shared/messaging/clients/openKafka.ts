import { KafkaMessaging } from '../kafka/KafkaMessaging.js';
import type { KafkaOptions } from '../kafka/options.js';
import { kafkajsLibrary } from '../kafkajs/kafkajs.js';
import type { Messaging } from '../Messaging.js';
import { platformaticLibrary } from '../platformatic/platformatic.js';
import type { KafkaClientName } from './names.js';

/** Opens the bus on Kafka. @throws Error if the library is not installed. */
export async function openKafka(client: KafkaClientName, options: KafkaOptions): Promise<Messaging> {
  const library = client === 'kafkajs' ? kafkajsLibrary(options) : await platformaticLibrary(options);
  return new KafkaMessaging(library, options);
}
