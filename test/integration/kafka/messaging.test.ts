import { messagingSuite } from '../../suites/messaging.js';
import { brokerMissing, startBroker, type Broker } from './broker.js';
import { KAFKA_CLIENTS, openKafka } from '../../../shared/messaging/openKafka.js';

/** `KAFKA_HOSTS` runs the suite against brokers that are there already. */
for (const name of KAFKA_CLIENTS) {
  let broker: Broker | undefined;
  messagingSuite(
    { name: `Kafka through ${name}`, encodes: true, missing: brokerMissing() },
    async () => {
      const given = process.env['KAFKA_HOSTS'];
      broker = given === undefined ? await startBroker() : undefined;
      const brokers = (given ?? broker?.hosts ?? '').split(',');
      return { connect: () => openKafka(name, { brokers, clientId: 'messaging-test' }), quietMs: 300 };
    },
    async () => broker?.close(),
  );
}
