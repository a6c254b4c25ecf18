/* A process for the fault tests: handles even numbers, keeps odd ones for ever, four at most. */
import type { KafkaClientName } from '../../../shared/messaging/clients/names.js';
import { openKafka } from '../../../shared/messaging/clients/openKafka.js';
import { numberTopic, type Numbered } from './numbers.js';

const [client, hosts = '', name = ''] = process.argv.slice(2);
const messaging = await openKafka(client as KafkaClientName, {
  brokers: [hosts],
  clientId: 'holding',
  memberName: 'one',
});
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
