import { KafkaMessaging } from '../../../shared/messaging/kafka/KafkaMessaging.js';
import { messagingSuite } from '../../suites/messaging.js';
import { startBroker, type Broker } from './broker.js';

let broker: Broker | undefined;

/** `KAFKA_HOSTS` runs the suite against brokers that are there already. */
messagingSuite(
  { name: 'Kafka through kafkajs', encodes: true },
  async () => {
    const given = process.env['KAFKA_HOSTS'];
    broker = given === undefined ? await startBroker() : undefined;
    const brokers = (given ?? broker?.hosts ?? '').split(',');
    return {
      connect: () => Promise.resolve(new KafkaMessaging({ brokers, clientId: 'messaging-test' })),
      quietMs: 300,
    };
  },
  async () => broker?.close(),
);
