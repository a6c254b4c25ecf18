import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { controllerConfig } from '../../../../shared/config/controllerConfig.js';
import { configurationPage } from '../../../../shared/config/document.js';
import { environment } from '../../../../shared/config/environment.js';
import { invokerConfig } from '../../../../shared/config/invokerConfig.js';
import { DEFAULT_LIMITS } from '../../../../shared/config/limits.js';
import { ConfigurationError } from '../../../../shared/config/Setting.js';
import { topics } from '../../../../shared/messaging/topics.js';

const LEAST = { KAFKA_HOSTS: 'kafka:9092', CONFIG_whisk_couchdb_host: 'couch' };

/** The one line with which a process would end. */
function complaint(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    assert.ok(error instanceof ConfigurationError, String(error));
    assert.ok(!error.message.includes('\n'), error.message);
    return error.message;
  }
  return assert.fail('it was accepted');
}

describe('configuration', () => {
  it('needs Kafka, CouchDB and a name, and nothing else', () => {
    const config = controllerConfig({ ...LEAST, CONTROLLER_ID: '0' });
    assert.deepEqual(config.kafka.brokers, ['kafka:9092']);
    assert.equal(config.couchDb.url, 'http://couch:5984');
    assert.deepEqual(config.limits, DEFAULT_LIMITS);
    assert.equal(config.port, 8080);
    assert.equal(config.operator, undefined);
    assert.equal(config.couchDb.maxStaleMs, 600_000);
    const invoker = invokerConfig(LEAST);
    assert.equal(invoker.id, undefined);
    assert.equal(invoker.uniqueName, hostname());
    assert.deepEqual(invoker.tags, []);
    assert.equal(invoker.userMemoryMB, 1024);
    assert.equal(invoker.pauseGraceMs, 10_000);
    assert.equal(invoker.idleContainerMs, 600_000);
  });

  it('takes the command lines of OpenWhisk', () => {
    assert.equal(controllerConfig(LEAST, ['1']).id, '1');
    const config = invokerConfig(LEAST, ['--id', '3', '--uniqueName', 'three', '--displayedName', 'Three']);
    assert.equal(config.id, 3);
    assert.equal(config.uniqueName, 'three');
    assert.equal(config.displayedName, 'Three');
    assert.equal(invokerConfig(LEAST, ['--uniqueName', 'a', '--overwriteId', '2']).overwriteId, 2);
  });

  it("reads the variables of OpenWhisk's deployment", () => {
    const config = invokerConfig(
      environment({
        ...LEAST,
        KAFKA_HOSTS: 'a:9093, b:9093',
        CONFIG_whisk_kafka_replicationFactor: '2',
        CONFIG_whisk_kafka_topics_prefix: '',
        CONFIG_whisk_containerPool_userMemory: '2048m',
        CONFIG_whisk_containerProxy_timeouts_idleContainer: '5 minutes',
        CONFIG_whisk_memory_max: '1 GB',
        CONFIG_whisk_timeLimit_max: '10 minutes',
        CONFIG_whisk_concurrencyLimit_max: '500',
        CONFIG_whisk_invoker_resource_tags: 'gpu, big',
        CONFIG_whisk_userEvents_enabled: 'TRUE',
        CONFIG_whisk_couchdb_databases_WhiskActivation: 'acts',
        CONFIG_whisk_couchdb_maxStale: '30 s',
        WHISK_API_HOST_NAME: 'api.example.org',
      }),
    );
    assert.deepEqual(config.kafka.brokers, ['a:9093', 'b:9093']);
    assert.equal(config.kafka.replicationFactor, 2);
    assert.equal(config.topicsPrefix, '');
    assert.equal(config.userMemoryMB, 2048);
    assert.equal(config.idleContainerMs, 300_000);
    assert.equal(config.limits.memory.max, 1024);
    assert.equal(config.limits.timeout.max, 600_000);
    assert.equal(config.limits.concurrency.max, 500);
    assert.deepEqual(config.tags, ['gpu', 'big']);
    assert.equal(config.userEvents, true);
    assert.equal(config.couchDb.databases.activations, 'acts');
    assert.equal(config.couchDb.maxStaleMs, 30_000);
    assert.equal(config.apiHost, 'https://api.example.org:443');
  });

  it('takes GPUs as `docker run --gpus` does', () => {
    const gpus = (text: string): unknown =>
      invokerConfig(environment({ ...LEAST, CONTAINER_GPUS: text })).containers.gpus;
    assert.equal(gpus(''), undefined);
    assert.equal(gpus('all'), 'all');
    assert.equal(gpus('2'), 2);
    assert.deepEqual(gpus('device=0,GPU-3a'), ['0', 'GPU-3a']);
  });

  it('names the missing part in one line', () => {
    assert.match(
      complaint(() => controllerConfig({})),
      /^CONTROLLER_ID is missing/,
    );
    assert.match(
      complaint(() => invokerConfig({})),
      /^KAFKA_HOSTS is missing: host:port/,
    );
    assert.match(
      complaint(() => invokerConfig({ KAFKA_HOSTS: 'k:1' })),
      /^CONFIG_whisk_couchdb_host is missing/,
    );
    const half = { ...LEAST, CONFIG_whisk_controller_username: 'op' };
    assert.match(
      complaint(() => controllerConfig(half, ['0'])),
      /CONFIG_whisk_controller_password/,
    );
  });

  it('names the mistake in one line', () => {
    const wrong: [string, string][] = [
      ['PORT', '65536'],
      ['PORT', 'http'],
      ['KAFKA_HOSTS', 'kafka'],
      ['CONFIG_whisk_containerPool_userMemory', '2 TB'],
      ['CONFIG_whisk_memory_max', '1000 b'],
      ['CONFIG_whisk_timeLimit_max', '5 fortnights'],
      ['CONFIG_whisk_userEvents_enabled', 'yes'],
      ['CONFIG_whisk_couchdb_protocol', 'ftp'],
      ['LIMITS_ACTIONS_INVOKES_PERMINUTE', '-1'],
      ['CONFIG_whisk_kafka_common_securityProtocol', 'TLS'],
      ['CONTAINER_GPUS', '0'],
      ['CONTAINER_GPUS', '1.5'],
      ['CONTAINER_GPUS', 'device='],
      ['CONTAINER_GPUS', 'device=0,'],
      ['CONTAINER_GPUS', 'gpu0'],
    ];
    for (const [name, value] of wrong) {
      const line = complaint(() => invokerConfig({ ...LEAST, [name]: value }));
      assert.ok(line.startsWith(`${name} must be `) && line.endsWith(`, not '${value}'`), line);
    }
    assert.match(
      complaint(() => invokerConfig({ ...LEAST, CONFIG_whisk_memory_max: '128 m' })),
      /^CONFIG_whisk_memory_std must lie between CONFIG_whisk_memory_min and CONFIG_whisk_memory_max$/,
    );
    assert.match(
      complaint(() => invokerConfig(LEAST, ['--name', 'x'])),
      /--uniqueName/,
    );
    assert.match(
      complaint(() => controllerConfig(LEAST, ['0', '1'])),
      /one argument/,
    );
    assert.match(
      complaint(() => controllerConfig(LEAST, ['a b'])),
      /^CONTROLLER_ID must be letters/,
    );
  });

  it('has the settings of new topics', () => {
    const set = {
      CONFIG_whisk_kafka_topics_invoker_retentionMs: '-1',
      CONFIG_whisk_kafka_topics_completed_segmentBytes: '1048576',
      CONFIG_whisk_kafka_topics_cacheInvalidation_retentionMs: '10 minutes',
      CONFIG_whisk_kafka_topics_health_retentionBytes: '1 GB',
      CONFIG_whisk_kafka_topics_events_maxMessageBytes: '2 m',
    };
    const limits = invokerConfig({ ...LEAST, ...set }).topicLimits;
    assert.deepEqual(controllerConfig({ ...LEAST, ...set }, ['0']).topicLimits, limits);
    const made = topics('', { limits });
    const standard = topics();
    assert.deepEqual(made.invoker(0).settings, { ...standard.invoker(0).settings, 'retention.ms': '-1' });
    assert.deepEqual(made.completed('0').settings, { ...standard.completed('0').settings, 'segment.bytes': '1048576' });
    assert.deepEqual(made.cacheInvalidation.settings, {
      ...standard.cacheInvalidation.settings,
      'retention.ms': '600000',
    });
    assert.deepEqual(made.health.settings, { ...standard.health.settings, 'retention.bytes': '1073741824' });
    assert.deepEqual(made.events.settings, { ...standard.events.settings, 'max.message.bytes': '2097152' });
    assert.equal(
      complaint(() => invokerConfig({ ...LEAST, CONFIG_whisk_kafka_topics_health_retentionMs: '-2' })),
      "CONFIG_whisk_kafka_topics_health_retentionMs must be a duration such as 100 ms, 10 seconds or 5 minutes, or -1, not '-2'",
    );
  });

  it('passes SASL on, and shows no secret', () => {
    const sasl = {
      ...LEAST,
      CONFIG_whisk_kafka_common_securityProtocol: 'SASL_SSL',
      CONFIG_whisk_kafka_common_saslMechanism: 'SCRAM-SHA-512',
    };
    assert.match(
      complaint(() => invokerConfig(sasl)),
      /^CONFIG_whisk_kafka_common_saslJaasConfig is missing/,
    );
    const jaas = String.raw`org.apache.kafka.common.security.scram.ScramLoginModule required username="u" password="p\"w";`;
    const config = invokerConfig({ ...sasl, CONFIG_whisk_kafka_common_saslJaasConfig: jaas });
    assert.deepEqual(config.kafka.sasl, { mechanism: 'scram-sha-512', username: 'u', password: 'p"w' });
    assert.deepEqual(config.kafka.tls, {});
    const line = complaint(() =>
      invokerConfig({ ...sasl, CONFIG_whisk_kafka_common_saslJaasConfig: 'password="hidden"' }),
    );
    assert.ok(!line.includes('hidden'), line);
  });

  it('passes certificates on', () => {
    const folder = mkdtempSync(join(tmpdir(), 'config-'));
    try {
      const pem = join(folder, 'ca.pem');
      const p12 = join(folder, 'store.p12');
      writeFileSync(pem, '-----BEGIN CERTIFICATE-----\n');
      writeFileSync(p12, Buffer.from([0x30, 0x82]));
      const tls = (more: Record<string, string>) =>
        invokerConfig({ ...LEAST, CONFIG_whisk_kafka_common_securityProtocol: 'SSL', ...more }).kafka.tls;
      assert.equal(
        String(tls({ CONFIG_whisk_kafka_common_sslTruststoreLocation: pem })?.ca),
        '-----BEGIN CERTIFICATE-----\n',
      );
      const both = tls({
        CONFIG_whisk_kafka_common_sslTruststoreLocation: p12,
        CONFIG_whisk_kafka_common_sslTruststorePassword: 'secret',
        CONFIG_whisk_kafka_common_sslKeystoreLocation: p12,
        CONFIG_whisk_kafka_common_sslKeystorePassword: 'secret',
      });
      assert.deepEqual(both?.pfx, Buffer.from([0x30, 0x82]));
      assert.equal(both?.passphrase, 'secret');
      const missing = join(folder, 'none');
      assert.match(
        complaint(() => tls({ CONFIG_whisk_kafka_common_sslTruststoreLocation: missing })),
        /^CONFIG_whisk_kafka_common_sslTruststoreLocation cannot be read/,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('is what docs/configuration.md says (npm run docs)', () => {
    assert.equal(readFileSync('docs/configuration.md', 'utf8'), configurationPage());
  });
});
