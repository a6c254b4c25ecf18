import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { KAFKA_CLIENTS, type KafkaClientName } from '../../../shared/messaging/clients/names.js';
import { openKafka } from '../../../shared/messaging/clients/openKafka.js';
import type { Messaging } from '../../../shared/messaging/Messaging.js';
import { until } from '../../suites/messaging.js';
import { skipWithoutOwnBroker } from './broker.js';
import { startBrokers, type Brokers } from './brokers.js';
import { numberTopic, type Numbered } from './numbers.js';

for (const name of KAFKA_CLIENTS) {
  describe(`Kafka whose answers are lost, through ${name}`, () => lostAnswers(name)).timeout(600_000);
}

function lostAnswers(name: KafkaClientName): void {
  let kafka: Brokers;
  let messaging: Messaging;

  before(async function () {
    skipWithoutOwnBroker(this);
    kafka = await startBrokers(1, true);
    messaging = await openKafka(name, { brokers: kafka.hosts.split(','), clientId: 'lost', memberName: 'one' });
  });
  after(async () => {
    await (messaging as Messaging | undefined)?.close();
    await (kafka as Brokers | undefined)?.close();
  });

  it('takes a message once that is sent again, since the answer to it was lost', async () => {
    const topic = numberTopic();
    await messaging.ensureTopic(topic);
    const producer = await messaging.producer();
    const sent: Promise<void>[] = [];
    const acknowledged = new Set<number>();
    const send = (): void => {
      const n = sent.length;
      sent.push(producer.send(topic, { n }).then(() => void acknowledged.add(n)));
    };
    send();
    await until(() => acknowledged.size === 1);

    const [proxy] = kafka.proxies;
    assert.ok(proxy);
    for (let loss = 0; loss < 3; loss += 1) {
      const before = acknowledged.size;
      proxy.dropAnswers();
      for (let count = 0; count < 10; count += 1) {
        send();
        await sleep(10);
      }
      // The broker takes the messages; their sender does not learn of that.
      assert.equal(acknowledged.size, before);
      proxy.heal();
      await Promise.all(sent);
    }

    const times = new Map<number, number>();
    const handle = ({ n }: Numbered): void => void times.set(n, (times.get(n) ?? 0) + 1);
    await messaging.consume<Numbered>({ topic, group: `${topic.name}-group`, maxInFlight: 100, handle });
    send();
    const last = sent.length - 1;
    await until(() => times.has(last));
    assert.deepEqual(
      [...times],
      Array.from({ length: sent.length }, (_, n) => [n, 1]),
    );
  });
}
