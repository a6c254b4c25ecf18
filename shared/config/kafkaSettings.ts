import type { ConnectionOptions } from 'node:tls';
import type { KafkaOptions, KafkaSasl } from '../messaging/kafka/options.js';
import { KAFKA_CLIENTS } from '../messaging/clients/names.js';
import { isPem, keystore, readStore } from './keystore.js';
import { ConfigurationError, optional, required, standard, type SettingValues } from './Setting.js';
import { duration, flag, hosts, integer, oneOf, text } from './values.js';

/** The connection to Kafka, with the names of OpenWhisk's deployments and Kafka's clients. */
export const KAFKA_SETTINGS = {
  kafkaHosts: required('KAFKA_HOSTS', hosts, 'host:port of the Kafka brokers, separated by commas'),
  kafkaClient: standard(
    'KAFKA_CLIENT',
    oneOf(...KAFKA_CLIENTS),
    'kafkajs',
    'The client library: `kafkajs` or `platformatic`. `platformatic` needs the optional package `@platformatic/kafka`.',
  ),
  replicationFactor: standard(
    'CONFIG_whisk_kafka_replicationFactor',
    integer(1, 100),
    '1',
    'The number of replicas of a new topic.',
  ),
  topicsPrefix: optional('CONFIG_whisk_kafka_topics_prefix', text, 'The prefix of all topic names.'),
  userEventPrefix: optional(
    'CONFIG_whisk_kafka_topics_userEvent_prefix',
    text,
    'The prefix of the name of the topic `events`.',
  ),
  securityProtocol: standard(
    'CONFIG_whisk_kafka_common_securityProtocol',
    oneOf('PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'),
    'PLAINTEXT',
    'The encryption and authentication of connections: `PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`.',
  ),
  truststore: optional(
    'CONFIG_whisk_kafka_common_sslTruststoreLocation',
    text,
    "The file of certificate authorities for the brokers' certificates: PEM (`.pem`, `.crt`) or PKCS12.",
  ),
  truststorePassword: optional(
    'CONFIG_whisk_kafka_common_sslTruststorePassword',
    text,
    'The password of a PKCS12 truststore.',
    { secret: true },
  ),
  keystore: optional(
    'CONFIG_whisk_kafka_common_sslKeystoreLocation',
    text,
    'The file of the client certificate and key, if brokers require one: PEM or PKCS12.',
  ),
  keystorePassword: optional(
    'CONFIG_whisk_kafka_common_sslKeystorePassword',
    text,
    'The password of a PKCS12 keystore or of an encrypted PEM key.',
    { secret: true },
  ),
  endpointIdentification: optional(
    'CONFIG_whisk_kafka_common_sslEndpointIdentificationAlgorithm',
    oneOf('https', 'none'),
    'Whether to compare the name in a broker’s certificate with its address: `https` (default) or `none`.',
  ),
  saslMechanism: standard(
    'CONFIG_whisk_kafka_common_saslMechanism',
    oneOf('PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'),
    'PLAIN',
    'The SASL mechanism: `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`.',
  ),
  saslJaasConfig: optional(
    'CONFIG_whisk_kafka_common_saslJaasConfig',
    text,
    'The user and password for SASL in Kafka’s format: `… required username="…" password="…";`.',
    { secret: true },
  ),
  sessionTimeout: standard(
    'CONFIG_whisk_kafka_consumer_sessionTimeoutMs',
    integer(1000, 600_000),
    '6000',
    'The time, in ms if it has no unit, after which brokers remove a dead consumer from its group. The next consumer of the group gets messages only after this time.',
  ),
  deliveryTimeout: standard(
    'CONFIG_whisk_kafka_producer_deliveryTimeoutMs',
    duration,
    '29 seconds',
    'The longest time to send a message. When it is over, the send fails: with the default, the caller of an invocation gets 503 within 30 s.',
  ),
  acks: standard(
    'CONFIG_whisk_kafka_producer_acks',
    oneOf('all', '1'),
    'all',
    'The replicas that must store a message before it counts as accepted. `all`: all in-sync replicas; producers are idempotent. `1`: the leader only. This is faster, but messages are lost if the leader is lost.',
  ),
  userEvents: standard(
    'CONFIG_whisk_userEvents_enabled',
    flag,
    'false',
    'Whether the process sends an event to the topic `events` for each activation and each exceeded limit.',
  ),
};

/** @throws ConfigurationError if a file cannot be read, or if SASL has no user. */
export function kafkaOptions(values: SettingValues<typeof KAFKA_SETTINGS>, clientId: string): KafkaOptions {
  const { securityProtocol } = values;
  return {
    brokers: values.kafkaHosts,
    clientId,
    memberName: clientId,
    tls: securityProtocol.endsWith('SSL') ? tlsOptions(values) : undefined,
    sasl: securityProtocol.startsWith('SASL') ? saslOptions(values) : undefined,
    replicationFactor: values.replicationFactor,
    sessionTimeoutMs: values.sessionTimeout,
    deliveryTimeoutMs: values.deliveryTimeout,
    acks: values.acks,
  };
}

type KafkaValues = SettingValues<typeof KAFKA_SETTINGS>;

function tlsOptions(values: KafkaValues): ConnectionOptions {
  const options: ConnectionOptions = {};
  if (values.endpointIdentification === 'none') options.checkServerIdentity = () => undefined;
  if (values.keystore !== undefined) {
    const file = readStore(KAFKA_SETTINGS.keystore.name, values.keystore);
    Object.assign(options, keystore(file, values.keystorePassword));
  }
  if (values.truststore !== undefined) {
    const file = readStore(KAFKA_SETTINGS.truststore.name, values.truststore);
    if (isPem(file)) options.ca = file;
    else if (values.keystore === undefined) {
      // TLS trusts the certificates of a PKCS12 file in `pfx`.
      options.pfx = file;
      if (values.truststorePassword !== undefined) options.passphrase = values.truststorePassword;
    } else if (values.truststore !== values.keystore) {
      throw new ConfigurationError(
        `${KAFKA_SETTINGS.truststore.name} must be a PEM file if ${KAFKA_SETTINGS.keystore.name} is another file`,
      );
    }
  }
  return options;
}

const SASL_MECHANISMS = {
  PLAIN: 'plain',
  'SCRAM-SHA-256': 'scram-sha-256',
  'SCRAM-SHA-512': 'scram-sha-512',
} as const;

function saslOptions({ saslMechanism, saslJaasConfig }: KafkaValues): KafkaSasl {
  const { name, about } = KAFKA_SETTINGS.saslJaasConfig;
  if (saslJaasConfig === undefined) throw new ConfigurationError(`${name} is missing: ${about}`);
  const username = quoted(saslJaasConfig, 'username');
  const password = quoted(saslJaasConfig, 'password');
  if (username === undefined || password === undefined) {
    throw new ConfigurationError(`${name} must contain username="…" and password="…"`);
  }
  return { mechanism: SASL_MECHANISMS[saslMechanism], username, password };
}

function quoted(text: string, name: string): string | undefined {
  const match = new RegExp(String.raw`\b${name}\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)')`).exec(text);
  return match ? (match[1]?.replaceAll(/\\(.)/g, '$1') ?? match[2]) : undefined;
}
