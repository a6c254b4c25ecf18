/* A process for the fault tests: handles even numbers, keeps odd ones for ever, four at most. */
import { KafkaMessaging } from '../../../shared/messaging/kafka/KafkaMessaging.js';
import { numberTopic, type Numbered } from './numbers.js';

const [hosts = '', name = ''] = process.argv.slice(2);
const messaging = new KafkaMessaging({ brokers: [hosts], clientId: 'holding' });
await messaging.consume<Numbered>({
  topic: numberTopic(name),
  group: `${name}-group`,
  maxInFlight: 4,
  handle: ({ n }) => {
    process.send?.({ kind: 'started', n });
    if (n % 2 === 1) return new Promise<void>(() => undefined);
    process.send?.({ kind: 'handled', n });
    return undefined;
  },
});
process.send?.({ kind: 'ready' });
