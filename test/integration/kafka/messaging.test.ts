import { messagingSuite, TOPICS } from '../../suites/messaging.js';
import { brokerMissing } from './broker.js';
import { startKafka, type TestKafka } from './kafka.js';
import { KAFKA_CLIENTS } from '../../../shared/messaging/clients/names.js';
import { openKafka } from '../../../shared/messaging/clients/openKafka.js';

for (const name of KAFKA_CLIENTS) {
  let kafka: TestKafka | undefined;
  messagingSuite(
    { name: `Kafka through ${name}`, encodes: true, missing: brokerMissing() },
    async () => {
      kafka = await startKafka(TOPICS);
      const brokers = kafka.hosts.split(',');
      return { connect: () => openKafka(name, { brokers, clientId: 'messaging-test' }), quietMs: 300 };
    },
    async () => kafka?.close(),
  );
}
