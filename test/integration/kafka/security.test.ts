import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { invokerConfig } from '../../../shared/config/invokerConfig.js';
import { KAFKA_CLIENTS } from '../../../shared/messaging/clients/names.js';
import { openKafka } from '../../../shared/messaging/clients/openKafka.js';
import type { Messaging } from '../../../shared/messaging/Messaging.js';
import { until } from '../../suites/messaging.js';
import { signed } from '../certificates.js';
import { skipWithoutOwnBroker, startBroker, type Broker } from './broker.js';
import { numberTopic, type Numbered } from './numbers.js';

describe('Kafka with TLS and SASL, as the settings say', function () {
  let folder: string;
  let broker: Broker;
  const open: Messaging[] = [];

  before(async function () {
    skipWithoutOwnBroker(this);
    folder = mkdtempSync(join(tmpdir(), 'kafka-tls-'));
    signed(folder, 'broker');
    broker = await startBroker({
      properties: {
        listeners: 'SASL_SSL://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controllerPort}',
        'listener.security.protocol.map': 'SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT',
        'inter.broker.listener.name': 'SASL_SSL',
        'sasl.enabled.mechanisms': 'SCRAM-SHA-512',
        'sasl.mechanism.inter.broker.protocol': 'SCRAM-SHA-512',
        'listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config':
          'org.apache.kafka.common.security.scram.ScramLoginModule required username="whisk" password="whisk-secret";',
        'ssl.keystore.type': 'PEM',
        'ssl.keystore.location': join(folder, 'broker.pem'),
        'ssl.truststore.type': 'PEM',
        'ssl.truststore.location': join(folder, 'ca.pem'),
      },
      formatArguments: ['--add-scram', 'SCRAM-SHA-512=[name=whisk,password=whisk-secret]'],
    });
  });
  afterEach(() => Promise.all(open.splice(0).map((messaging) => messaging.close())));
  after(async () => {
    await (broker as Broker | undefined)?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  const settings = (password = 'whisk-secret', ca = 'ca.pem'): Record<string, string> => ({
    KAFKA_HOSTS: broker.hosts,
    CONFIG_whisk_couchdb_host: 'unused',
    CONFIG_whisk_kafka_common_securityProtocol: 'SASL_SSL',
    CONFIG_whisk_kafka_common_saslMechanism: 'SCRAM-SHA-512',
    CONFIG_whisk_kafka_common_saslJaasConfig: `org.apache.kafka.common.security.scram.ScramLoginModule required username="whisk" password="${password}";`,
    CONFIG_whisk_kafka_common_sslTruststoreLocation: join(folder, ca),
  });

  for (const name of KAFKA_CLIENTS) {
    it(`carries messages through ${name}`, async () => {
      const messaging = await openKafka(name, invokerConfig(settings()).kafka);
      open.push(messaging);
      const topic = numberTopic();
      const got: number[] = [];
      await messaging.consume<Numbered>({
        topic,
        group: topic.name,
        maxInFlight: 1,
        handle: ({ n }) => void got.push(n),
      });
      await (await messaging.producer()).send(topic, { n: 5 });
      await until(() => got.length === 1);
      assert.deepEqual(got, [5]);
    });
  }

  it('is refused with a wrong password, and says so without it', async () => {
    const messaging = await openKafka('kafkajs', invokerConfig(settings('wrong-secret')).kafka);
    open.push(messaging);
    await assert.rejects(messaging.ensureTopic(numberTopic()), (error: Error) => {
      assert.match(error.message, /authentication failed/i);
      assert.ok(!error.message.includes('wrong-secret'));
      return true;
    });
  });
});
