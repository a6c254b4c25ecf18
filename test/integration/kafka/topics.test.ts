import assert from 'node:assert/strict';
import kafkajs from 'kafkajs';
import { invokerConfig } from '../../../shared/config/invokerConfig.js';
import { KAFKA_CLIENTS } from '../../../shared/messaging/clients/names.js';
import { openKafka } from '../../../shared/messaging/clients/openKafka.js';
import { topics } from '../../../shared/messaging/topics.js';
import { skipWithoutBroker } from './broker.js';
import { startKafka, type TestKafka } from './kafka.js';

// Not all of it can be imported by name.
const { ConfigResourceTypes, Kafka, logLevel } = kafkajs;

describe('topics in Kafka', function () {
  let kafka: TestKafka;
  before(async function () {
    skipWithoutBroker(this);
    kafka = await startKafka();
  });
  after(() => (kafka as TestKafka | undefined)?.close());

  for (const name of KAFKA_CLIENTS) {
    it(`are made with the settings of the installation, through ${name}`, async () => {
      const config = invokerConfig({
        KAFKA_HOSTS: kafka.hosts,
        CONFIG_whisk_couchdb_host: 'unused',
        CONFIG_whisk_activation_payload_max: '2 m',
        CONFIG_whisk_kafka_topics_invoker_retentionMs: '3600000',
        CONFIG_whisk_kafka_topics_health_segmentBytes: '1048576',
        CONFIG_whisk_kafka_topics_health_maxMessageBytes: '65536',
        CONFIG_whisk_kafka_topics_events_retentionBytes: '-1',
      });
      const prefix = `${kafka.prefix}${name}-`;
      const made = topics(prefix, {
        eventsPrefix: prefix,
        maxPayloadBytes: config.limits.maxPayloadBytes,
        limits: config.topicLimits,
      });
      const messaging = await openKafka(name, config.kafka);
      try {
        await messaging.ensureTopic(made.invoker(3));
        await messaging.ensureTopic(made.health);
        await messaging.ensureTopic(made.events);
      } finally {
        await messaging.close();
      }
      assert.deepEqual(await settingsOf(`${prefix}invoker3`), {
        'max.message.bytes': '2103220',
        'retention.bytes': '1073741824',
        'retention.ms': '3600000',
        'segment.bytes': '536870912',
      });
      assert.deepEqual(await settingsOf(`${prefix}health`), {
        'max.message.bytes': '65536',
        'retention.bytes': '1073741824',
        'retention.ms': '3600000',
        'segment.bytes': '1048576',
      });
      assert.equal((await settingsOf(`${prefix}events`))['retention.bytes'], '-1');
    });
  }

  /** What the broker says. */
  async function settingsOf(topic: string): Promise<Record<string, string>> {
    const admin = new Kafka({ brokers: kafka.hosts.split(','), logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    try {
      const configNames = ['max.message.bytes', 'retention.bytes', 'retention.ms', 'segment.bytes'];
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false,
        resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configNames }],
      });
      const settings: Record<string, string> = {};
      for (const { configName, configValue } of resources[0]?.configEntries ?? []) settings[configName] = configValue;
      return settings;
    } finally {
      await admin.disconnect();
    }
  }
});
